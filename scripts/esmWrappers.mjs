// Writes dist/index.mjs and dist/index.d.mts, and the same for each subpath: the ES module form of the package. It holds no code
// of its own: every name is that of the one CommonJS implementation, so that `instanceof` holds between `import` and `require`.
//
// Between the two stands index.load.js, which catches what loading throws, for the ES module to throw again: in Node.js 20 an
// error of a CommonJS module that an ES module imports ends the process even where the program catches it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = new URL('../', import.meta.url);
const pathOf = (file) => fileURLToPath(new URL(file, root));
const require = createRequire(import.meta.url);

/** Entry points of package.json's `exports`, as names of files in dist/ without suffix; of the subpaths, those that are built. */
function entryPoints() {
  const { exports } = JSON.parse(readFileSync(pathOf('package.json'), 'utf8'));
  return Object.entries(exports).flatMap(([subpath, entry]) => {
    const file = entry?.require?.default;
    if (file === undefined || (subpath !== '.' && !existsSync(pathOf(file)))) return [];
    return [file.replace(/^\.\/dist\/(.*)\.js$/, '$1')];
  });
}

/** Names of the values (not types, nor classes exported as types) that a declaration file exports. */
function valueNames(file) {
  const program = ts.createProgram([file], {
    module: ts.ModuleKind.Node16,
    moduleResolution: ts.ModuleResolutionKind.Node16,
  });
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(file));
  if (module === undefined) throw new Error(`${file} is not a module`);
  return checker
    .getExportsOfModule(module)
    .filter((symbol) => {
      if (symbol.declarations?.some(ts.isTypeOnlyExportDeclaration)) return false;
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      return (target.flags & ts.SymbolFlags.Value) !== 0;
    })
    .map((symbol) => symbol.name)
    .sort();
}

/** The running module must export exactly what the declarations promise. Needs the addon, which a build of types lacks. */
function compareWithModule(entry, names) {
  if (process.env.RECEPTIVE_ADDON === undefined && !existsSync(pathOf('build/Release/receptive.node'))) {
    return 'not compared with the running module: the addon is not built';
  }
  const actual = Object.keys(require(pathOf(`dist/${entry}.js`))).sort();
  const missing = names.filter((name) => !actual.includes(name));
  const undeclared = actual.filter((name) => !names.includes(name));
  if (missing.length > 0 || undeclared.length > 0) {
    throw new Error(
      `dist/${entry}: declared but not exported: [${missing}]; exported but not declared: [${undeclared}]`,
    );
  }
  return 'as the running module exports them';
}

for (const entry of entryPoints()) {
  const names = valueNames(pathOf(`dist/${entry}.d.ts`));
  if (names.length === 0) throw new Error(`dist/${entry}.d.ts exports no values`);
  const file = entry.split('/').at(-1);
  const loader = [
    '"use strict";',
    'try {',
    `  exports.module = require('./${file}.js');`,
    '} catch (error) {',
    '  exports.failure = { error };',
    '}',
    '',
  ];
  const wrapper = [
    `import loaded from './${file}.load.js';`,
    '',
    'if (loaded.failure) throw loaded.failure.error;',
    'const { module } = loaded;',
    '',
    ...names.map((name) => `export const ${name} = module.${name};`),
    '',
  ];
  writeFileSync(pathOf(`dist/${entry}.load.js`), loader.join('\n'));
  writeFileSync(pathOf(`dist/${entry}.mjs`), wrapper.join('\n'));
  writeFileSync(pathOf(`dist/${entry}.d.mts`), `export * from './${file}.js';\n`);
  console.log(`dist/${entry}.mjs: ${names.length} names, ${compareWithModule(entry, names)}`);
}
