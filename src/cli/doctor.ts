import { type Command, Option } from 'commander';
import { EXIT } from '../core/errors.ts';
import type { Provider } from '../model/protocol.ts';
import { addSourceOptions, type SourceFlags, sourceOptionsOf } from './source-options.ts';
import { examples, type VerbContext } from './verb.ts';

interface DoctorFlags extends SourceFlags {
  json?: true;
  provider: Provider;
  model?: string[];
  out: string;
  bucket?: string[];
  write?: true;
  offline?: true;
}

export function addDoctor(program: Command, { print, signal }: VerbContext): void {
  const command = program
    .command('doctor')
    .description('what is wrong with this machine, and what to do; exit code 1 if runs would fail')
    .addOption(
      new Option('--provider <name>', 'where runs will compute: that must work')
        .choices(['cpu', 'cuda', 'webgpu'])
        .default('cpu'),
    )
    .option('--model <dir...>', 'model folders whose files are compared with their checksums')
    .option('--out <dir>', 'where outputs will go', '.')
    .option('--bucket <url...>', 's3://BUCKET/PREFIX that must be readable')
    .option('--write', 'buckets must be writable, too; tried without leaving anything there')
    .option('--offline', 'ask nobody over the network who this machine is')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      examples(
        'doctor',
        'doctor --provider cuda --model models/sfrnet-gid',
        'doctor --bucket s3://my-scenes/2026/ --json',
        'doctor --bucket s3://my-maps/out/ --write',
      ),
    )
    .action(async (flags: DoctorFlags) => {
      const { diagnose } = await import('../doctor/diagnose.ts');
      const { formatFindings } = await import('../doctor/format-findings.ts');
      const findings = await diagnose({
        provider: flags.provider,
        models: flags.model ?? [],
        out: flags.out,
        buckets: flags.bucket ?? [],
        write: flags.write ?? false,
        offline: flags.offline ?? false,
        s3: sourceOptionsOf(flags).source?.s3 ?? {},
        signal,
      });
      print(flags.json ? JSON.stringify({ findings }, null, 2) : formatFindings(findings));
      if (findings.some(({ state }) => state === 'problem')) process.exitCode = EXIT.permanent;
    });
  addSourceOptions(command);
}
