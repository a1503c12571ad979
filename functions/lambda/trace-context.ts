import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * What X-Ray's SDK asks of `cls-hooked/context`, on Node's own AsyncLocalStorage; the bundle of the Lambda functions puts
 * it in that package's place. `cls-hooked` (last released in 2017) listens to every promise of the process from its making
 * to its collection, which was a third of all that a warm handler added to a query: see `npm run bench -- lambda`.
 * The SDK keeps to it for the sake of its older API (aws/aws-xray-sdk-node, issue 338).
 */

type Values = Record<string, unknown>;

class Namespace {
  readonly #storage = new AsyncLocalStorage<Values>();
  /** For what runs outside `run`: the SDK enters one context when it is loaded, which is that of every invocation. */
  #root: Values | null = null;

  get active(): Values | null {
    return this.#storage.getStore() ?? this.#root;
  }

  /** Sees what is set around it; what is set in it stays in it. */
  createContext(): Values {
    return Object.create(this.active);
  }

  enter(context: Values): void {
    this.#root = context;
  }

  get(key: string): unknown {
    return this.active?.[key];
  }

  /** Throws outside of every context. */
  set<T>(key: string, value: T): T {
    if (this.active === null) throw new Error(`expected a context to set ${key} in, got none`);
    this.active[key] = value;
    return value;
  }

  /** Runs in a context of its own, which everything that it begins keeps. */
  run(work: (context: Values) => void): Values {
    const context = this.createContext();
    this.#storage.run(context, () => work(context));
    return context;
  }

  bind<A extends unknown[], R>(work: (...args: A) => R): (...args: A) => R {
    const context = this.active ?? this.createContext();
    return (...args) => this.#storage.run(context, () => work(...args));
  }
}

const namespaces = new Map<string, Namespace>();

export function createNamespace(name: string): Namespace {
  const namespace = new Namespace();
  namespaces.set(name, namespace);
  return namespace;
}

export function getNamespace(name: string): Namespace | undefined {
  return namespaces.get(name);
}

export function destroyNamespace(name: string): void {
  namespaces.delete(name);
}
