import { App, type AppProps, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { FrustumStack } from './frustum-stack.ts';
import { readSettings } from './settings.ts';

/** Behaviour of the CDK that new apps get, and this one counts on. */
const FLAGS = {
  // Else access logs need bucket ACLs, which S3 advises against.
  '@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy': true,
};

/** The app, checked by cdk-nag whenever it is synthesised; the account and region are those that it is deployed to. */
export function createApp(props: AppProps = {}): { readonly app: App; readonly stack: FrustumStack } {
  const app = new App({ ...props, postCliContext: FLAGS });
  const settings = readSettings((name) => app.node.tryGetContext(name));
  const stack = new FrustumStack(app, settings.name, settings);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app, { verbose: true }));
  return { app, stack };
}
