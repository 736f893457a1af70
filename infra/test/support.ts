import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { createApp } from '../lib/create-app.ts';

/** JSON of a template; a resource's properties are read as deep as a test needs. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const made = new Map<string, Template>();

/** The template that settings lead to. Synthesis itself throws where cdk-nag or the schema of CloudFormation finds anything. */
export function synthesise(context: Readonly<Record<string, string>> = {}): Template {
  const key = JSON.stringify(context);
  const template = made.get(key) ?? synthesiseAfresh(context);
  made.set(key, template);
  return template;
}

function synthesiseAfresh(context: Readonly<Record<string, string>>): Template {
  const outdir = mkdtempSync(join(tmpdir(), 'frustum-synth-'));
  try {
    const { app, stack } = createApp({ outdir, context: { ...context } });
    app.synth();
    return Template.fromStack(stack);
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

/** All resources of a type: logical id and properties. */
export function resources(
  template: Template,
  type: string,
): [id: string, properties: Record<string, Json>][] {
  return Object.entries(template.findResources(type)).map(([id, { Properties }]) => [id, Properties ?? {}]);
}

/** The one resource of a type whose id begins with `prefix`. */
export function resource(template: Template, type: string, prefix: string): [string, Record<string, Json>] {
  const found = resources(template, type).filter(([id]) => id.startsWith(prefix));
  if (found.length !== 1) {
    throw new Error(`${found.length} resources of ${type} begin with ${prefix}, expected one`);
  }
  return found[0]!;
}

export interface Statement {
  readonly Sid?: string;
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: Json;
  readonly Condition?: Json;
}

/** The inline policy of the role whose id begins with `prefix`. */
export function statementsOf(template: Template, prefix: string): Statement[] {
  const [, policy] = resource(template, 'AWS::IAM::Policy', `${prefix}DefaultPolicy`);
  return (policy.PolicyDocument as unknown as { Statement: Statement[] }).Statement;
}

/** The actions of statements, sorted. */
export function actionsOf(statements: readonly Statement[]): string[] {
  return statements.flatMap(({ Action }) => Action).sort();
}
