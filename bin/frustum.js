#!/usr/bin/env node
// Loading takes a while; to be asked to stop meanwhile means to try again, as it does later.
const stop = () => process.exit(75);
process.on('SIGTERM', stop);
const { main } = await import('../dist/cli/main.js');
const ended = main();
// Only now, since there is no moment without a listener.
process.off('SIGTERM', stop);
await ended;
