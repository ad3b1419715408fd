// A value with listeners; and a scope, which ends all that a view began.

export function signal(value) {
  const listeners = new Set();
  return {
    get: () => value,
    set(next) {
      if (next === value) return;
      value = next;
      for (const listener of [...listeners]) listener(value);
    },
    // Mutable values tell of their changes by this.
    touch() {
      for (const listener of [...listeners]) listener(value);
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export function scope() {
  const endings = new Set();
  const made = {
    // Calls `listener` now, and whenever one of the signals changes.
    watch(signals, listener) {
      for (const one of signals) endings.add(one.listen(() => listener()));
      listener();
    },
    every(ms, work) {
      const timer = setInterval(work, ms);
      endings.add(() => clearInterval(timer));
    },
    onEnd: ending => void endings.add(ending),
    ended: false,
    end() {
      made.ended = true;
      for (const ending of endings) ending();
      endings.clear();
    },
  };
  return made;
}

// At most one `work` at a time; asked for meanwhile, it runs once more. Waits `pause` ms before each.
export function gathered(work, pause) {
  let waiting = false, running = false, again = false;
  return function ask() {
    if (waiting) return;
    if (running) return void (again = true);
    waiting = true;
    setTimeout(async () => {
      waiting = false;
      running = true;
      try {
        await work();
      } finally {
        running = false;
        if (again) {
          again = false;
          ask();
        }
      }
    }, typeof pause === "function" ? pause() : pause);
  };
}
