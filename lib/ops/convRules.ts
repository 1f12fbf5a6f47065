// How convolutions are recorded. Each of a convolution's three directions (output, gradient by input, gradient by weight)
// is linear in both of its operands, and its gradients are the other two directions.
import type { DType } from '../dtype';
import type { Shape } from '../shape';
import { type Rule, record, recording, rule, wanted } from '../tape/node';
import type { AnyTensor, Tensor } from '../tensor';
import { relu6Gradient, reluGradient } from './activation';
import type { ConvKind } from './convKind';
import { biasGradient, inputGradient, weightGradient } from './convKindGradients';

/** An activation that is part of the forward op. @internal */
export type FusedActivation = 'relu' | 'relu6';

interface Forward {
  readonly inputShape: Shape;
  readonly weightShape: Shape;
  readonly options: object;
  readonly activation: FusedActivation | undefined;
}

interface Direction {
  /** Of the operand that the direction's result is the gradient for: of the weight, or of the input. */
  readonly shape: Shape;
  readonly options: object;
}

/** The directions of a convolution, as its rules call them. @internal */
export interface ConvDirections {
  readonly name: string;
  forward(input: AnyTensor, weight: AnyTensor, options: object): AnyTensor;
  inputGradient(op: string, shape: Shape, weight: AnyTensor, gradOutput: AnyTensor, options: object): AnyTensor;
  weightGradient(op: string, input: AnyTensor, shape: Shape, gradOutput: AnyTensor, options: object): AnyTensor;
  biasGradient(op: string, gradOutput: AnyTensor, options: object): AnyTensor;
}

function directionsOf(kind: ConvKind): ConvDirections {
  return {
    name: kind.name,
    forward: kind.forward,
    inputGradient: (op, shape, weight, g, options) => inputGradient(op, kind, shape, weight, g, options),
    weightGradient: (op, input, shape, g, options) => weightGradient(op, kind, input, shape, g, options),
    biasGradient: (op, g, options) => biasGradient(op, kind, g, options),
  };
}

interface ConvRules {
  readonly forward: Rule<Forward>;
  readonly input: Rule<Direction>;
  readonly weight: Rule<Direction>;
}

const fusedGradients = { relu: reluGradient, relu6: relu6Gradient };
const operands = { keeps: 'operands', differentiable: true };

function makeRules(conv: ConvDirections): ConvRules {
  const { name } = conv;
  const [byInput, byWeight, byBias] = [`grad.${name}Input`, `grad.${name}Weight`, `grad.${name}Bias`];
  return {
    forward: rule<Forward>(
      name,
      { keeps: 'input for the weight, weight for the input, output for an activation', differentiable: true },
      ({ gradOutput, saved: [input, weight, output], state, needs }) => {
        const { inputShape, weightShape, options, activation } = state;
        const g = activation === undefined ? gradOutput : fusedGradients[activation](gradOutput, output);
        return [
          needs[0] ? conv.inputGradient(byInput, inputShape, weight, g, options) : null,
          needs[1] ? conv.weightGradient(byWeight, input, weightShape, g, options) : null,
          needs[2] ? conv.biasGradient(byBias, g, options) : null,
        ];
      },
    ),
    input: rule<Direction>(byInput, operands, ({ gradOutput: upstream, saved: [weight, g], state, needs }) => [
      needs[0] ? conv.weightGradient(byWeight, upstream, state.shape, g, state.options) : null,
      needs[1] ? conv.forward(upstream, weight, state.options) : null,
    ]),
    weight: rule<Direction>(byWeight, operands, ({ gradOutput: upstream, saved: [input, g], state, needs }) => [
      needs[0] ? conv.inputGradient(byInput, state.shape, upstream, g, state.options) : null,
      needs[1] ? conv.forward(input, upstream, state.options) : null,
    ]),
  };
}

const rules = new Map<ConvKind | ConvDirections, ConvRules>();

function rulesOf(kind: ConvKind | ConvDirections): ConvRules {
  let found = rules.get(kind);
  if (found === undefined) {
    found = makeRules('inputGradient' in kind ? kind : directionsOf(kind));
    rules.set(kind, found);
  }
  return found;
}

/**
 * The options of a convolution's other directions. An algorithm that was named is named for one direction only, since
 * the others may need another; a search goes on there.
 */
function otherDirections(options: object | undefined): object {
  const {
    bias: _bias,
    activation: _activation,
    workspaceLimit: _limit,
    algorithm,
    ...rest
  } = (options ?? {}) as Record<string, unknown>;
  return algorithm === 'search' ? { ...rest, algorithm } : rest;
}

/** Saves of two operands, each of which is needed for the other's gradient. */
const crosswise = (a: AnyTensor, b: AnyTensor): (AnyTensor | null)[] => [wanted(b) ? a : null, wanted(a) ? b : null];

/** Records a convolution whose output was computed. @internal */
export function recordConvolution<D extends DType>(
  kind: ConvKind | ConvDirections,
  operandsOf: { readonly input: Tensor<D>; readonly weight: Tensor<D>; readonly bias: Tensor<D> | null | undefined },
  output: Tensor<D>,
  options: object | undefined,
  activation: FusedActivation | undefined,
): Tensor<D> {
  const { input, weight, bias } = operandsOf;
  if (!recording(input, weight, bias)) return output;
  return record(
    rulesOf(kind).forward,
    [input, weight, bias],
    output,
    [...crosswise(input, weight), activation === undefined ? null : output],
    { inputShape: input.shape, weightShape: weight.shape, options: otherDirections(options), activation },
  );
}

/** Records the gradient by input (of weight and g) or by weight (of input and g). @internal */
export function recordGradient<D extends DType>(
  kind: ConvKind | ConvDirections,
  direction: 'input' | 'weight',
  a: Tensor<D>,
  gradOutput: Tensor<D>,
  result: Tensor<D>,
  options: object | undefined,
): Tensor<D> {
  if (!recording(a, gradOutput)) return result;
  const state = { shape: a.shape, options: otherDirections(options) };
  return record(rulesOf(kind)[direction], [a, gradOutput], result, crosswise(a, gradOutput), state);
}
