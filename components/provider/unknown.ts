// In a preview, what is not known yet arrives as a fixed string that may stand anywhere in the inputs.

/** How the engine writes an unknown value to a dynamic provider. */
export const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

export function hasUnknown(value: unknown): boolean {
  if (typeof value === "string") return value === unknownValue;
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some(hasUnknown);
}
