#!/usr/bin/env -S MALLOC_MMAP_THRESHOLD_=262144 MALLOC_TRIM_THRESHOLD_=1048576 node --max-semi-space-size=16
// Blocks of a scene are arrays of a megabyte that come and go by the thousand. With these thresholds (glibc's; others pass
// them over) each goes back to the system when it is free, instead of leaving holes in the heaps of the threads that decode:
// a run takes some 70 MiB less, and no more time. The flag keeps the young generation as small as it is in Node.js 20.
// Loading takes a while; to be asked to stop meanwhile means to try again, as it does later.
const stop = () => process.exit(75);
process.on('SIGTERM', stop);
const { main } = await import('../dist/cli/main.js');
const ended = main();
// Only now, since there is no moment without a listener.
process.off('SIGTERM', stop);
await ended;
for (const stream of [process.stdout, process.stderr]) {
  if (stream.writableLength > 0) await new Promise((written) => stream.write('', written));
}
// Node.js that runs out of work listens to signals no more a while before it is gone: a SIGTERM then would make a failure of
// what is done. This way out has no such gap.
process.exit();
