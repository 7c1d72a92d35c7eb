// Values to text. Unknown is "-", never 0. Rounding is to nearest, as on the command line.

export type Level = "none" | "warning" | "critical";
type Maybe = number | null | undefined;

// The same on every surface: a value has one colour everywhere.
const WARNING_ABOVE = 0.85;
const CRITICAL_ABOVE = 0.95;

/** How serious it is that so much of a limit, or of what a node has, is used. */
export function judge(ratio: Maybe): Level {
  if (ratio == null || ratio <= WARNING_ABOVE) return "none";
  return ratio <= CRITICAL_ABOVE ? "warning" : "critical";
}

export function formatCpu(cores: Maybe): string {
  if (cores == null) return "-";
  return cores < 10 ? `${Math.round(cores * 1000)}m` : cores.toFixed(1);
}

export function formatBytes(bytes: Maybe): string {
  if (bytes == null) return "-";
  if (bytes < 1024) return `${Math.round(bytes)}`;
  const units = ["Ki", "Mi", "Gi", "Ti", "Pi"];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 && unit > 1 ? value.toFixed(1) : Math.round(value)}${units[unit]}`;
}

export function formatPercent(ratio: Maybe): string {
  return ratio == null ? "-" : `${Math.round(ratio * 100)}%`;
}

/** A duration as kubectl writes it: "45s", "12m", "3h20m", "5d". */
export function formatAge(seconds: Maybe): string {
  if (seconds == null) return "-";
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 120) return `${whole}s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 120) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 10) return minutes % 60 ? `${hours}h${minutes % 60}m` : `${hours}h`;
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}

export function formatSince(time: string | null | undefined, now: number): string {
  return time ? formatAge((now - Date.parse(time)) / 1000) : "-";
}

/** A count with its noun: "1 pod", "3 pods". */
export function formatCount(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

/** UTC, to the second: what a ticket needs. */
export function formatTime(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 19)} UTC`;
}
