// Writes the generated parts of README.md, or checks that they are up to date:
//
//   node scripts/readmeTables.mjs           rewrites them
//   node scripts/readmeTables.mjs --check   changes nothing; exits with 1 when README.md differs, or when the table of
//                                           operations is not what the package does (test/tools/probe.mjs tries every claim)
//
// A generated part lies between `<!-- generated: NAME -->` and `<!-- /generated -->`. NAME is `operations`, `gradients`,
// `models`, or `file PATH` for the text of a file as a code block.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = new URL('../', import.meta.url);
const read = (path) => readFileSync(new URL(path, root), 'utf8');
const declarations = fileURLToPath(new URL('dist/index.d.ts', root));
if (!existsSync(declarations)) {
  console.error('readmeTables: dist/ is missing, run npm run build first');
  process.exit(1);
}
const { devices, families } = await import('../test/tools/opTable.mjs');
const { keptBy } = await import('../test/tools/probe.mjs');
const { createModel, modelNames, models } = await import('../dist/models/index.mjs');
const { skipInit, summary } = await import('../dist/nn/index.mjs');

const dtypes = ['float32', 'float64', 'int32', 'uint8', 'bool'];

/** Signatures of the public functions by name, those of the namespace `grad` under `grad.NAME`, from the declarations. */
function readSignatures() {
  const program = ts.createProgram([declarations], {
    module: ts.ModuleKind.Node16,
    moduleResolution: ts.ModuleResolutionKind.Node16,
  });
  const checker = program.getTypeChecker();
  const resolve = (symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol);
  const parameter = (symbol) => symbol.name + (symbol.valueDeclaration?.questionToken ? '?' : '');
  const signatures = new Map();
  const collect = (module, prefix) => {
    for (const symbol of checker.getExportsOfModule(module)) {
      const target = resolve(symbol);
      if (!(target.flags & ts.SymbolFlags.Value)) continue;
      const name = prefix + symbol.name;
      const calls = checker.getTypeOfSymbol(target).getCallSignatures();
      if (calls.length > 0) signatures.set(name, `${name}(${calls[0].parameters.map(parameter).join(', ')})`);
      else if (symbol.name === 'grad') collect(target, 'grad.');
    }
  };
  collect(checker.getSymbolAtLocation(program.getSourceFile(declarations)), '');
  return signatures;
}

function operationsTable() {
  const lines = [
    `| operation | ${dtypes.join(' | ')} | devices | gradient | kept by the tape |`,
    `|---|${dtypes.map(() => ':-:').join('|')}|---|---|---|`,
  ];
  for (const { title, ops } of families) {
    lines.push(`| **${title}** |${' |'.repeat(dtypes.length + 3)}`);
    for (const { name, dtypes: taken, gradients = {}, sharedGradient, call } of ops) {
      const names = [...Object.keys(gradients), ...(sharedGradient ? [sharedGradient] : [])];
      const cells = dtypes.map((dtype) => (taken.includes(dtype) ? 'x' : ''));
      const gradient = names.map((one) => `\`grad.${one}\``).join(' ');
      lines.push(
        `| \`${name}\` | ${cells.join(' | ')} | ${devices.join(', ')} | ${gradient} | ${names.length > 0 ? keptBy(call) : ''} |`,
      );
    }
  }
  return lines.join('\n');
}

function gradientList() {
  const signatures = readSignatures();
  const names = families.flatMap(({ ops }) => ops.flatMap((op) => Object.keys(op.gradients ?? {})));
  const lines = names.map((name) => signatures.get(`grad.${name}`) ?? `grad.${name} has no declaration`);
  return ['```ts', ...lines, '```'].join('\n');
}

/** Known networks, as made without options, for one image. */
function modelTable() {
  const lines = [
    '| function | network | image | parameters | multiply-adds | activations |',
    '|---|---|---|--:|--:|--:|',
  ];
  for (const name of modelNames) {
    const { title, citation, channels, inputSize } = models[name];
    const model = skipInit(() => createModel(name));
    const { total } = summary(model, [1, channels, inputSize, inputSize]);
    model.dispose();
    const parameters = total.parameters.toLocaleString('en-US');
    const [sums, megabytes] = [total.multiplyAdds, total.activationBytes].map((n) =>
      (n / 1e6).toFixed(n < 1e7 ? 2 : 0),
    );
    const image = `${channels}x${inputSize}x${inputSize}`;
    lines.push(`| \`${name}\` | ${title} (${citation}) | ${image} | ${parameters} | ${sums} M | ${megabytes} MB |`);
  }
  return lines.join('\n');
}

function generate(name) {
  if (name === 'models') return modelTable();
  if (name === 'operations') return operationsTable();
  if (name === 'gradients') return gradientList();
  const file = name.match(/^file (\S+)$/)?.[1];
  if (file === undefined) throw new Error(`README.md: there is no generated part '${name}'`);
  return `\`\`\`js\n${read(file).trimEnd()}\n\`\`\``;
}

const before = read('README.md');
let parts = 0;
const after = before.replace(/(<!-- generated: (.+?) -->\n)[\s\S]*?(<!-- \/generated -->)/g, (_, begin, name, end) => {
  parts++;
  return `${begin}\n${generate(name)}\n\n${end}`;
});
if (parts === 0) throw new Error('README.md has no generated parts');

if (process.argv.includes('--check')) {
  const { probe } = await import('../test/tools/probe.mjs');
  const problems = probe();
  if (after !== before) problems.push('README.md is not up to date: node scripts/readmeTables.mjs rewrites it');
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
  else console.log(`README.md: ${parts} generated parts are up to date, and every claim was tried`);
} else if (after !== before) {
  writeFileSync(new URL('README.md', root), after);
  console.log(`README.md: ${parts} generated parts written`);
} else {
  console.log(`README.md: ${parts} generated parts were up to date`);
}
