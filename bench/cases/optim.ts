import { adamStep_, rmspropStep_, scale_, sgdStep_, type Tensor, zeros } from 'receptive';
import type { BenchCase, Family } from '../benchCase';
import { normal, sizes } from '../inputs';

/** Steps with state tensors, all in place: the gradient is read, the parameter and its state are read and written. */
interface Step {
  readonly name: string;
  readonly state: number;
  run(parameter: Tensor, gradient: Tensor, state: readonly Tensor[]): void;
}

/** A learning rate of 0 leaves the parameters as they are, so that every run does the same work on the same numbers. */
const learningRate = 0;

const steps: readonly Step[] = [
  { name: 'sgdStep_', state: 0, run: (p, g) => sgdStep_(p, g, { learningRate }) },
  {
    name: 'sgdStep_ with momentum',
    state: 1,
    run: (p, g, [velocity]) => sgdStep_(p, g, { learningRate, momentum: 0.5, velocity }),
  },
  {
    name: 'adamStep_',
    state: 2,
    run: (p, g, [firstMoment, secondMoment]) =>
      adamStep_(p, g, { learningRate, firstMoment, secondMoment, step: 1000 }),
  },
  {
    name: 'rmspropStep_',
    state: 1,
    run: (p, g, [squareAverage]) => rmspropStep_(p, g, { learningRate, squareAverage }),
  },
  {
    name: 'rmspropStep_, centered, with momentum',
    state: 3,
    run: (p, g, [squareAverage, gradientAverage, momentumBuffer]) =>
      rmspropStep_(p, g, {
        ...{ learningRate, momentum: 0.5, centered: true },
        ...{ squareAverage, gradientAverage, momentumBuffer },
      }),
  },
];

function stepCase({ name, state, run }: Step, label: string, elements: number): BenchCase {
  return {
    name: `${name} ${label}`,
    unit: 'GB/s',
    amount: elements * 4 * (3 + 2 * state),
    prepare() {
      const parameter = normal([elements]);
      const gradient = normal([elements]);
      const tensors = Array.from({ length: state }, () => zeros([elements]));
      return {
        run: () => {
          run(parameter.tensor, gradient.tensor, tensors);
          return [parameter.tensor.reshape([elements])];
        },
        expected: (index) => parameter.values[index],
        tolerance: 0,
        inputs: [parameter.tensor, gradient.tensor, ...tensors],
      };
    },
  };
}

/** In place too: by -1, so that magnitudes stay. */
function scaleCase(label: string, elements: number): BenchCase {
  return {
    name: `scale_ ${label}`,
    unit: 'GB/s',
    amount: elements * 8,
    prepare() {
      const x = normal([elements]);
      let sign = 1;
      return {
        run: () => {
          scale_(x.tensor, -1);
          sign = -sign;
          return [x.tensor.reshape([elements])];
        },
        expected: (index) => sign * x.values[index],
        tolerance: 0,
        inputs: [x.tensor],
      };
    },
  };
}

export const optim: Family = () =>
  sizes.flatMap(({ label, elements }) => [
    ...steps.map((step) => stepCase(step, label, elements)),
    scaleCase(label, elements),
  ]);
