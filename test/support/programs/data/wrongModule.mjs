// What a module for a loader must not be: it has no default export.
export const length = 3;
