// Runs every export of a module whose name begins with test: run.mjs FILE.
import { readFile } from "node:fs/promises";

let memory;
const log = (level, at, n) => console.log(new TextDecoder().decode(new Uint8Array(memory.buffer, at, n)));
const { instance } = await WebAssembly.instantiate(await readFile(process.argv[2]), { patchbay: { log } });
memory = instance.exports.memory;
let failed = 0, ran = 0;
for (const [name, test] of Object.entries(instance.exports)) {
  if (!name.startsWith("test")) continue;
  ran++;
  try {
    test();
    console.log(`ok   ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}: ${error.message}`);
  }
}
console.log(`${ran - failed} of ${ran} tests passed`);
process.exit(failed > 0 || ran === 0 ? 1 : 0);
