// A data set of the tests' own: images [1, 12, 10] of noise in which one quadrant is brighter, and which one is the label. Every
// number is a function of split and index. In the main thread it can end the process it runs in, or send it signals, when so many
// images were asked for: RECEPTIVE_TEST_SIGNALS is `count:SIGNAL,SIGNAL`, or `count:SIGNAL:rank` for one of several processes; THROW
// is an error in place of a signal.
const height = 12;
const width = 10;
const sizes = { train: 96, test: 40 };

export const classes = ['top left', 'top right', 'bottom left', 'bottom right'];

/** Noise from 0 to 1, by a linear congruential generator. */
function noise(seed) {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const [after, signals = '', rank] = (process.env.RECEPTIVE_TEST_SIGNALS ?? '').split(':');
const isMeant = after !== '' && (rank === undefined || rank === process.env.OMPI_COMM_WORLD_RANK);
let asked = 0;

function count() {
  if (!isMeant || ++asked !== Number(after)) return;
  if (signals === 'THROW') throw new Error(`image ${asked} cannot be read`);
  for (const signal of signals.split(',')) process.kill(process.pid, signal);
}

export default function quadrants({ split }) {
  return {
    length: sizes[split],
    get(index) {
      count();
      const random = noise(2 * index + (split === 'train' ? 0 : 1));
      const label = index % 4;
      const data = Uint8Array.from({ length: height * width }, (_, i) => {
        const y = Math.floor(i / width);
        const x = i % width;
        const inside = (y >= height / 2 ? 2 : 0) + (x >= width / 2 ? 1 : 0) === label;
        return Math.floor(random() * 120) + (inside ? 90 : 0);
      });
      return { data, shape: [1, height, width], label };
    },
  };
}
