import { createProxyAgents, namedProxies } from '../io/proxies.ts';
import type { Finding } from './finding.ts';
import { reasonOf } from './finding.ts';

/** Seconds until the machine's credentials and STS must have answered. */
const PATIENCE_MS = 8000;

/** Who AWS says this machine is. No credentials and no way to STS are no fault by themselves: scenes may lie elsewhere. */
export async function checkIdentity(region: string | undefined): Promise<Finding> {
  const name = 'aws identity';
  const skipped = (found: string): Finding => ({ name, state: 'skipped', found, advice: null });
  const { STSClient, GetCallerIdentityCommand } = await import('@aws-sdk/client-sts');
  // See src/io/s3-transport.ts.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const client = new STSClient({
    region: region ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? 'us-east-1',
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: 3000,
      requestTimeout: 5000,
      throwOnRequestTimeout: true,
      ...(namedProxies().length > 0 && createProxyAgents()),
    },
  });
  const late = Symbol('late');
  let timer: NodeJS.Timeout | undefined;
  try {
    const answer = await Promise.race([
      client.send(new GetCallerIdentityCommand({})),
      new Promise<typeof late>((resolve) => {
        timer = setTimeout(resolve, PATIENCE_MS, late);
      }),
    ]);
    if (answer === late)
      return skipped(`no answer in ${PATIENCE_MS / 1000} s; networks without a way out need none`);
    return { name, state: 'ok', found: `${answer.Arn}, account ${answer.Account}`, advice: null };
  } catch (error) {
    const failure = error as { name?: string; code?: string; $metadata?: { httpStatusCode?: number } };
    const { name: kind, $metadata } = failure;
    if (/Credential|TokenProvider/i.test(kind ?? '')) {
      return skipped('no AWS credentials here; only s3: URLs that are not public need them');
    }
    if ($metadata?.httpStatusCode === undefined) {
      return skipped(`STS can't be reached (${failure.code ?? kind}); networks without a way out need none`);
    }
    return {
      name,
      state: 'problem',
      found: `the credentials are refused (${kind}: ${reasonOf(error)})`,
      advice: /Expired/.test(kind ?? '')
        ? 'renew them, e.g. aws sso login'
        : "check AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN, and this machine's clock",
    };
  } finally {
    clearTimeout(timer);
    client.destroy();
  }
}
