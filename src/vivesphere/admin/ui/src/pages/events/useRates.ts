import { useEffect, useRef, useState } from "react";

import type { BusOverview } from "../../api/types";
import { ratesBetween, type Rates } from "./bus";

/** Messages a second between the last two answers; null until there are two. `at` is when the answer came, in milliseconds. */
export function useRates(bus: BusOverview | undefined, at: number): Rates | null {
  const last = useRef<{ bus: BusOverview; at: number } | null>(null);
  const [rates, setRates] = useState<Rates | null>(null);
  useEffect(() => {
    if (bus === undefined || last.current?.at === at) return;
    if (last.current) setRates(ratesBetween(last.current.bus, bus, (at - last.current.at) / 1000));
    last.current = { bus, at };
  }, [bus, at]);
  return rates;
}
