// A transform of the tests' own: adds an amount, and a random number between 0 and 1.
export default ({ amount }) =>
  ({ data, shape }, random) => {
    const noise = random.uniform();
    return { data: data.map((x) => x + amount + noise), shape };
  };
