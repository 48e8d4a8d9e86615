// "Did you mean": existing names that are close to a mistyped one.
import leven from "leven";

/**
 * " Clients with a similar name: 'cim-web', 'CIM'.", or "" if nothing is close. It goes between two sentences.
 * @param what begins that sentence: "Clients"
 */
export function similar(what: string, wanted: string, names: readonly string[]): string {
  const target = wanted.toLowerCase();
  const close = names
    .map((name) => {
      const candidate = name.toLowerCase();
      const contained = target !== "" && (candidate.includes(target) || target.includes(candidate));
      const distance = leven(candidate, target);
      return { name, distance, isClose: contained || distance <= Math.max(2, Math.floor(target.length / 3)) };
    })
    .filter(({ isClose }) => isClose)
    .sort((a, b) => a.distance - b.distance || a.name.localeCompare(b.name))
    .slice(0, 5)
    .map(({ name }) => `'${name}'`);
  return close.length === 0 ? "" : ` ${what} with a similar name: ${close.join(", ")}.`;
}
