import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Says why findings of cdk-nag are right as they are, for a construct and what is in it. */
export function acknowledge(construct: IConstruct, reasons: Readonly<Record<string, string>>): void {
  for (const [id, reason] of Object.entries(reasons)) Validations.of(construct).acknowledge({ id, reason });
}

/** The finding that cdk-nag has about a policy's resource with a wildcard. */
export function wildcard(scope: IConstruct, arn: string): string {
  return `AwsSolutions-IAM5[Resource::${spell(Stack.of(scope).resolve(arn))}]`;
}

/** References as cdk-nag spells them: `<Name.Attribute>`. */
function spell(value: unknown): string {
  if (typeof value === 'string') return value;
  const { Ref, 'Fn::GetAtt': attribute, 'Fn::Join': join } = value as Reference;
  if (Ref !== undefined) return `<${Ref}>`;
  if (attribute !== undefined) return `<${attribute.join('.')}>`;
  if (join !== undefined) return join[1].map(spell).join(join[0]);
  throw new Error(`a reference of a kind that is not used here: ${JSON.stringify(value)}`);
}

interface Reference {
  readonly Ref?: string;
  readonly 'Fn::GetAtt'?: readonly string[];
  readonly 'Fn::Join'?: readonly [string, readonly unknown[]];
}
