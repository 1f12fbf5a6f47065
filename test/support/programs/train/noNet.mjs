// What is no model.
export default () => ({ forward: (x) => x });
