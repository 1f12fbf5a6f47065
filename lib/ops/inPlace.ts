// Checks that in-place updates share: operands that go together and are read and written element by element.
import { expectFinite, expectSameShape } from '../check';
import { ArgumentError } from '../errors';
import type { AnyTensor } from '../tensor';
import { expectFloatTensor, expectPartner } from './operands';

/** Whether two tensors have elements in common. */
export function overlap(a: AnyTensor, b: AnyTensor): boolean {
  return a._storage === b._storage && a._offset < b._offset + b.size && b._offset < a._offset + a.size;
}

/** An update reads and writes element by element, which is sound only where operands do not share them. */
export function expectApart(op: string, name: string, a: AnyTensor, otherName: string, b: AnyTensor): void {
  if (overlap(a, b)) {
    throw new ArgumentError(`${op}: ${name} and ${otherName} share memory; clone() gives one of them its own`);
  }
}

/** A step's parameter and gradient: float tensors of one dtype, device and shape. */
export function expectStepped(op: string, parameter: unknown, gradient: unknown): void {
  expectFloatTensor(op, 'parameter', parameter);
  expectPartner(op, 'parameter', parameter, 'gradient', gradient);
  expectSameShape(op, 'gradient', gradient, parameter.shape, 'as parameter');
  expectApart(op, 'parameter', parameter, 'gradient', gradient);
}

/** A step's state, in order: tensors like the parameter, with memory of their own. The other operands have been checked. */
export function expectState(
  op: string,
  parameter: AnyTensor,
  gradient: AnyTensor,
  state: Readonly<Record<string, unknown>>,
): AnyTensor[] {
  const names = Object.keys(state);
  const tensors: AnyTensor[] = [];
  for (const name of names) {
    const tensor = state[name];
    expectPartner(op, 'parameter', parameter, name, tensor);
    expectSameShape(op, name, tensor, parameter.shape, 'as parameter');
    expectApart(op, 'parameter', parameter, name, tensor);
    expectApart(op, 'gradient', gradient, name, tensor);
    for (let i = 0; i < tensors.length; i++) expectApart(op, names[i], tensors[i], name, tensor);
    tensors.push(tensor);
  }
  return tensors;
}

/** A number in [0, 1): the share that a moving average keeps of itself. */
export function expectShare(op: string, name: string, value: unknown): number {
  const share = expectFinite(op, name, value, 0, 1);
  if (share === 1) throw new ArgumentError(`${op}: ${name} must be a finite number from 0 to below 1, given 1`);
  return share;
}
