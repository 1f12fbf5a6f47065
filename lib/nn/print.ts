// A module as text: a line for each, with what it is made of, its parts indented below.
import type { DType } from '../dtype';
import { shapeText } from '../shape';
import { Tensor } from '../tensor';
import type { Module } from './module';

/** A setting as text; '' for what is none. */
function setting(name: string, value: unknown): string {
  if (value instanceof Tensor) return `${name} ${shapeText(value.shape)}`;
  if (typeof value === 'number' || typeof value === 'string' || value === true) return `${name} ${value}`;
  if (value === false) return `no ${name}`;
  const isPlain = Array.isArray(value) || (typeof value === 'object' && value?.constructor === Object);
  if (isPlain && value !== null && Object.values(value).every((one) => typeof one === 'number')) {
    return `${name} ${Array.isArray(value) ? shapeText(value) : JSON.stringify(value).replaceAll('"', '')}`;
  }
  return '';
}

function settings(module: object): string[] {
  return Object.entries(module)
    .filter(([name]) => name !== 'training')
    .flatMap(([name, value]) =>
      name === 'options' && typeof value === 'object' && value !== null
        ? Object.entries(value as object).map(([option, given]) => setting(option, given))
        : [setting(name, value)],
    )
    .filter((text) => text !== '');
}

/**
 * The module and all below it.
 *
 * @example
 * Sequential(
 *   0: Conv2d(weight [6, 1, 5, 5], bias [6], padding 2)
 *   1: ReLU()
 * )
 * @internal
 */
export function moduleText<D extends DType>(module: Module<D>, indent = '', above: readonly Module<D>[] = []): string {
  const name = module.constructor.name;
  if (above.includes(module)) return `${name}(…)`;
  const inner = `${indent}  `;
  const path = [...above, module];
  const parts = module.namedChildren().map(([part, one]) => `${inner}${part}: ${moduleText(one, inner, path)}\n`);
  const own = settings(module).join(', ');
  return parts.length === 0 ? `${name}(${own})` : `${name}(${own}\n${parts.join('')}${indent})`;
}
