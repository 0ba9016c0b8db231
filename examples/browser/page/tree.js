// Draws the tree as rows, and lets people walk through it with keys.
// The invariant: a row is touched only if its node has changed, and rows are moved only if the tree's shape has.

/** Nodes that only give the tree its shape. */
const SHAPE = new Set(['file', 'files']);

export class Tree {
  #element;
  #choose;
  #rows = new Map();
  #chosen = undefined;

  /** `choose(node)` is called when another node is chosen. */
  constructor(element, choose) {
    this.#element = element;
    this.#choose = choose;
    element.addEventListener('click', (event) => {
      const row = event.target.closest('.row');
      if (row) this.#go(row);
    });
    element.addEventListener('keydown', (event) => this.#key(event));
  }

  clear() {
    this.#rows.clear();
    this.#element.replaceChildren();
    this.#chosen = undefined;
  }

  /** Draws what has changed. */
  draw(nodes) {
    if (nodes.isReshaped) {
      nodes.isReshaped = false;
      this.#reshape(nodes);
    }
    for (const node of nodes.changed) {
      const row = this.#rows.get(node);
      if (row) paint(row, node);
    }
    nodes.changed.clear();
  }

  choose(node) {
    const row = this.#rows.get(node);
    if (row) this.#select(row);
  }

  #reshape(nodes) {
    const before = new Set(this.#rows.keys());
    const hadFocus = this.#element.contains(document.activeElement);
    let place = this.#element.firstElementChild;
    const visit = (node, depth) => {
      let below = depth;
      if (!SHAPE.has(node.name)) {
        below += 1;
        before.delete(node);
        let row = this.#rows.get(node);
        if (!row) {
          row = newRow(node, depth);
          this.#rows.set(node, row);
          paint(row, node);
        }
        // What is gone stands in the way until it is taken out below.
        while (place && place !== row && place.node.isGone) place = place.nextElementSibling;
        if (row === place) place = row.nextElementSibling;
        else this.#element.insertBefore(row, place);
      }
      for (const child of node.children) visit(child, below);
    };
    if (nodes.root) visit(nodes.root, 0);
    for (const node of before) {
      this.#rows.get(node).remove();
      this.#rows.delete(node);
    }
    if (this.#chosen && !this.#chosen.isConnected) {
      // The chosen work has left the table: its parent takes the keys, but what was chosen stays in view beside the tree.
      let above = this.#chosen.node.parent;
      while (above && !this.#rows.has(above)) above = above.parent;
      const row = this.#rows.get(above ?? nodes.root);
      if (row) {
        row.tabIndex = 0;
        if (hadFocus) row.focus({ preventScroll: true });
      }
      this.#chosen = row;
    }
  }

  #select(row) {
    if (this.#chosen) {
      this.#chosen.tabIndex = -1;
      this.#chosen.setAttribute('aria-selected', 'false');
    }
    this.#chosen = row;
    row.tabIndex = 0;
    row.setAttribute('aria-selected', 'true');
    this.#choose(row.node);
  }

  #go(row) {
    this.#select(row);
    row.focus();
  }

  #key(event) {
    const row = event.target.closest('.row');
    if (!row || event.altKey || event.ctrlKey || event.metaKey) return;
    const depth = Number(row.ariaLevel);
    const next = row.nextElementSibling;
    const to = {
      ArrowDown: () => next,
      ArrowUp: () => row.previousElementSibling,
      ArrowRight: () => (Number(next?.ariaLevel) > depth ? next : undefined),
      ArrowLeft: () => {
        let above = row.previousElementSibling;
        while (above && Number(above.ariaLevel) >= depth) above = above.previousElementSibling;
        return above;
      },
      Home: () => this.#element.firstElementChild,
      End: () => this.#element.lastElementChild,
      Enter: () => row,
      ' ': () => row,
    }[event.key];
    if (!to) return;
    event.preventDefault();
    const target = to();
    if (target) this.#go(target);
  }
}

function newRow(node, depth) {
  const row = document.createElement('div');
  row.className = 'row';
  row.setAttribute('role', 'treeitem');
  row.setAttribute('aria-level', String(depth + 1));
  row.setAttribute('aria-selected', 'false');
  row.tabIndex = depth === 0 ? 0 : -1;
  row.style.setProperty('--depth', depth);
  row.node = node;
  for (const part of ['mark', 'name', 'about', 'says']) {
    const span = document.createElement('span');
    span.className = part;
    row.append(span);
  }
  row.children[0].ariaHidden = 'true';
  row.children[1].textContent = node.name;
  return row;
}

function paint(row, node) {
  const [, , about, says] = row.children;
  row.dataset.state = node.isRetrying ? 'retrying' : node.state;
  put(about, node.number);
  put(says, node.attempt > 1 && !node.isDone ? `${node.says}, attempt ${node.attempt}` : node.says);
}

/** Sets a text only if it is another one. */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
