// The data set `quadrants` without its test split.
export { classes, default } from './quadrants.mjs';
export const splits = ['train'];
