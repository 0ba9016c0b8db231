// The order in which a graph's nodes can be added: each after what it depends on. Unknown names, doubles and circles are refused here.

/** Nodes with the places of their dependencies, dependencies first; otherwise in the order they were written. */
export function graphOrder(nodes) {
  const names = Object.keys(nodes);
  const ordered = [];
  const place = new Map();
  const waiting = new Map();
  const followers = new Map(names.map((name) => [name, []]));
  for (const name of names) {
    const deps = nodes[name]?.deps ?? [];
    if (!Array.isArray(deps)) throw new TypeError(`nodes.${name}: deps are names, in an array`);
    for (const dep of deps) {
      if (!followers.has(dep)) throw new TypeError(`nodes.${name}: depends on ${String(dep)}, which is not there`);
      followers.get(dep).push(name);
    }
    if (new Set(deps).size < deps.length) throw new TypeError(`nodes.${name}: depends on the same node twice`);
    waiting.set(name, deps.length);
  }
  const ready = names.filter((name) => waiting.get(name) === 0);
  for (const name of ready) {
    place.set(name, ordered.length);
    const work = nodes[name];
    ordered.push({ name, work, deps: (work.deps ?? []).map((dep) => place.get(dep)) });
    for (const follower of followers.get(name)) {
      const left = waiting.get(follower) - 1;
      waiting.set(follower, left);
      if (left === 0) ready.push(follower);
    }
  }
  if (ordered.length < names.length) {
    const round = names.filter((name) => !place.has(name));
    throw new TypeError(`nodes: ${round.join(', ')} wait for each other`);
  }
  return ordered;
}
