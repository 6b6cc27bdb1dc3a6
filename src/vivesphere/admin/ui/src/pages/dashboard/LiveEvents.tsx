import { useState } from "react";

import { t } from "../../messages";
import { ButtonLink } from "../../parts/ButtonLink";
import { LiveTail } from "../events/LiveTail";
import { EVERYTHING } from "../events/pattern";

export function LiveEvents() {
  const [pattern, setPattern] = useState(EVERYTHING);
  const all = (
    <ButtonLink to="/events" size="compact-sm" variant="subtle">
      {t.events.all}
    </ButtonLink>
  );
  return <LiveTail pattern={pattern} onPattern={setPattern} windowed actions={all} />;
}
