export const enablements = {};
