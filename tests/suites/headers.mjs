// Prints what the two judges of header fields say, as JSON; run in the folder that has them.
//
//   node headers.mjs observatory HOST HTTP_PORT HTTPS_PORT PATH
//   node headers.mjs csp POLICY

import { createRequire } from "node:module";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(join(process.cwd(), "package.json"));
const [, , judge, ...said] = process.argv;
const report = judge === "csp" ? csp(said[0]) : await observatory(...said);
process.stdout.write(JSON.stringify(report));

/** Mozilla's grading, as its `scan` does it, on the ports and the path that are said. */
async function observatory(host, httpPort, httpsPort, path) {
  const source = dirname(require.resolve("@mdn/mdn-http-observatory"));
  const from = (file) => import(pathToFileURL(join(source, file)));
  // Two lists that its installation would fetch. A host of the tests is in neither.
  mkdirSync(join(source, "..", "conf"), { recursive: true });
  writeFileSync(join(source, "..", "conf", "hsts-preload.json"), "{}");
  writeFileSync(join(source, "..", "conf", "tld-list.json"), "[]");
  const { retrieve } = await from("retriever/retriever.js");
  const { ALL_TESTS } = await from("constants.js");
  const { MINIMUM_SCORE_FOR_EXTRA_CREDIT } = await from("grader/charts.js");
  const { getGradeForScore, getScoreModifier } = await from("grader/grader.js");
  const retrieved = await retrieve(host, { httpPort, httpsPort, path });
  const tests = ALL_TESTS.map((test) => test(retrieved));
  const modifiers = tests.map((test) => (test.result ? getScoreModifier(test.result) : 0));
  const plain = modifiers.filter((one) => one < 0).reduce((sum, one) => sum + one, 100);
  const extra = modifiers.reduce((sum, one) => sum + one, 100);
  const { grade, score } = getGradeForScore(plain >= MINIMUM_SCORE_FOR_EXTRA_CREDIT ? extra : plain);
  return {
    status: retrieved.responses.auto.status,
    verified: retrieved.responses.auto.verified,
    grade,
    score,
    tests: Object.fromEntries(tests.map((t) => [t.constructor.name, [t.pass, t.result]])),
  };
}

/** Google's evaluation of one policy. */
function csp(policy) {
  const { CspParser } = require("csp_evaluator/dist/parser.js");
  const { CspEvaluator } = require("csp_evaluator");
  const { Severity } = require("csp_evaluator/dist/finding.js");
  return new CspEvaluator(new CspParser(policy).csp).evaluate().map((finding) => ({
    severity: Severity[finding.severity],
    directive: finding.directive,
    description: finding.description,
  }));
}
