import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  type Copy,
  type Dockerfile,
  DockerfileParser,
  type From,
  type Instruction,
  type JSONInstruction,
} from 'dockerfile-ast';
import { describe, expect, it } from 'vitest';
import { ALLOCATOR, NODE_FLAGS } from '../../src/core/node-settings.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const file: Dockerfile = DockerfileParser.parse(readFileSync(resolve(ROOT, 'infra/Dockerfile'), 'utf8'));

interface Stage {
  readonly name: string;
  readonly base: string;
  readonly steps: readonly Instruction[];
}

/** The stages in order; a stage's steps end where the next begins. */
const stages: Stage[] = file.getFROMs().map((from: From, i, all) => ({
  name: from.getBuildStage() ?? '',
  base: from.getImage() ?? '',
  steps: file
    .getInstructions()
    .filter(
      (step) => line(step) > line(from) && (all[i + 1] === undefined || line(step) < line(all[i + 1]!)),
    ),
}));

function line(step: Instruction): number {
  return step.getRange().start.line;
}

function stage(name: string): Stage {
  return stages.find((s) => s.name === name)!;
}

function words(step: Instruction): string[] {
  return step.getArguments().map((argument) => argument.getValue());
}

function only(name: string, keyword: string): Instruction {
  const found = stage(name).steps.filter((step) => step.getKeyword() === keyword);
  expect(found, `${keyword} of ${name}`).toHaveLength(1);
  return found[0]!;
}

/** The strings of an instruction in JSON form. */
function strings(step: Instruction): string[] {
  return (step as JSONInstruction).getJSONStrings().map((s) => s.getJSONValue());
}

const defaults = new Map(
  file.getInitialARGs().map((arg) => [arg.getProperty()!.getName(), arg.getProperty()!.getValue()]),
);
const IMAGES = ['cpu', 'cuda'] as const;

describe('Dockerfile', () => {
  it('ends in the CPU image, which is what a plain docker build makes', () => {
    expect(stages.at(-1)!.name).toBe('cpu');
    expect(stages.map(({ name }) => name)).toContain('cuda');
  });

  it('has a long-term release of Node.js that the package allows', () => {
    const [, major] = /^(\d+)-[a-z]+-slim$/.exec(defaults.get('NODE')!)!;
    const { engines } = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8')) as {
      engines: { node: string };
    };
    expect(engines.node).toBe('>=20.9');
    expect(Number(major)).toBeGreaterThan(20);
    // Even majors get long-term support.
    expect(Number(major) % 2).toBe(0);
  });

  it('has a CUDA 12 runtime with cuDNN, and no compilers', () => {
    expect(stage('cuda').base).toBe('nvidia/cuda:$' + '{CUDA}');
    expect(defaults.get('CUDA')).toMatch(/^12\.\d+\.\d+-cudnn-runtime-ubuntu\d\d\.04$/);
  });

  it('installs the CUDA provider at build, from the dependencies of the CPU image, and checks that it came', () => {
    expect(stage('dependencies-cuda').base).toBe('dependencies');
    const run = words(only('dependencies-cuda', 'RUN')).join(' ');
    expect(run).toContain(
      'ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js',
    );
    expect(run).toContain('test -n "$(find');
    expect(existsSync(resolve(ROOT, 'node_modules/onnxruntime-node/script/install.js'))).toBe(true);
  });

  it.each(IMAGES)('%s runs as a user without privileges, by number', (name) => {
    const users = stage(name).steps.filter((step) => step.getKeyword() === 'USER');
    expect(users.map((step) => words(step)[0])).toEqual(['10001']);
    const after = stage(name).steps.slice(stage(name).steps.indexOf(users[0]!) + 1);
    expect(after.map((step) => step.getKeyword())).toEqual(['HEALTHCHECK', 'ENTRYPOINT', 'CMD']);
  });

  it.each(IMAGES)('%s asks the doctor how it is, for what it computes on', (name) => {
    const check = words(only(name, 'HEALTHCHECK')).join(' ');
    expect(check).toContain('"/app/bin/frustum.js", "doctor", "--offline"');
    expect(check.includes('"cuda"')).toBe(name === 'cuda');
    // The doctor gives a provider a minute.
    expect(/--timeout=(\d+)s/.exec(only(name, 'HEALTHCHECK').getTextContent())![1]).toBe('90');
  });

  it.each(IMAGES)('%s starts frustum itself, so that signals reach it', (name) => {
    expect(strings(only(name, 'ENTRYPOINT'))).toEqual(['node', ...NODE_FLAGS, '/app/bin/frustum.js']);
    const variables = Object.entries(ALLOCATOR).map(([key, value]) => `${key}=${value}`);
    expect(words(only(name, 'ENV'))).toEqual(expect.arrayContaining(variables));
  });

  it.each(IMAGES)('%s gets what changes seldom first, and the code last', (name) => {
    const copied = stage(name)
      .steps.filter((step) => step.getKeyword() === 'COPY')
      .map((step) => words(step).at(-1)!);
    expect(copied.indexOf('node_modules')).toBeLessThan(copied.indexOf('models'));
    expect(copied.at(-1)).toBe('dist');
    expect(copied).not.toContain('src');
  });

  it('bakes models in or fetches them by checksum, and checks each against its manifest either way', () => {
    expect(defaults.get('MODELS')).toBe('baked');
    expect(stage('models').base).toBe('models-$' + '{MODELS}');
    const add = only('models-fetched', 'ADD').getTextContent();
    expect(add).toContain('--checksum=sha256:$' + '{MODEL_SHA256}');
    const checks = stage('application').steps.filter((step) => step.getKeyword() === 'RUN');
    expect(words(checks.at(-1)!).join(' ')).toBe('node bin/frustum.js doctor --offline --model models/*');
    for (const name of IMAGES) {
      const copies = stage(name).steps.filter((step) => step.getKeyword() === 'COPY') as Copy[];
      const models = copies.find((step) => words(step).at(-1) === 'models')!;
      expect(models.getFromFlag()?.getValue()).toBe('application');
    }
  });

  it('runs no install script of a package but the one it names', () => {
    const installs = stages
      .flatMap(({ steps }) => steps)
      .map((step) => words(step).join(' '))
      .filter((text) => text.includes('npm ci'));
    expect(installs).toHaveLength(2);
    for (const text of installs) expect(text).toContain('--ignore-scripts');
  });

  it('copies only from stages before it and from files that are there and not ignored', () => {
    const ignored = readFileSync(resolve(ROOT, '.dockerignore'), 'utf8')
      .split('\n')
      .filter((text) => text !== '');
    const before = new Set<string>();
    for (const { name, steps } of stages) {
      for (const step of steps.filter((s) => s.getKeyword() === 'COPY') as Copy[]) {
        const from = step.getFromFlag()?.getValue();
        if (from !== undefined && from !== null) {
          expect(before, step.getTextContent()).toContain(from);
          continue;
        }
        for (const source of words(step).slice(0, -1)) {
          expect(existsSync(resolve(ROOT, source)), source).toBe(true);
          expect(ignored).not.toContain(source);
        }
      }
      before.add(name);
    }
  });
});
