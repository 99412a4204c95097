/**
 * What a killed server leaves behind: a postmaster whose watchdog died too, backends whose
 * postmaster was killed, a `postmaster.pid` whose number now belongs to a stranger. All of it is
 * found by the data folder, in which every PostgreSQL process of that folder works.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { EmbeddedError } from "./error.ts";
import { shell } from "./shell.ts";
import type { ServiceUser } from "./user.ts";

/** Seconds that an orphaned postmaster gets to shut down cleanly, then to shut down at all. */
const PATIENCE = { fast: 30, immediate: 5, killed: 5 };

/**
 * Ends every PostgreSQL process of a data folder that no live server watches. Call it only under
 * the folder's lock. Answers how many there were.
 */
export async function clearLeftovers(
  dataFolder: string,
  user: ServiceUser | undefined,
): Promise<number> {
  const { fast, immediate, killed } = PATIENCE;
  const sockets = join(dirname(dataFolder), "socket");
  const args = [dataFolder, sockets, fast, immediate, killed];
  const { ok, stdout, stderr } = await shell(CLEAR, args.map(String), { user });
  if (!ok) {
    throw new EmbeddedError(
      `Cannot end the PostgreSQL that still runs on "${dataFolder}": ${stdout} ${stderr}`.trim(),
    );
  }
  return Number(stdout);
}

/**
 * Linux tells each process's folder in /proc; elsewhere the postmaster is known by its command line
 * and its backends leave by themselves. The postmaster's lock files are taken away once /proc has
 * shown that none is left: PostgreSQL refuses to start when the number in one of them is alive,
 * whoever has it now, even as a zombie.
 */
const CLEAR = `
data=$1 sockets=$2 pidfile=$1/postmaster.pid
living() {
  if [ -e /proc/self/cwd ]; then
    for p in /proc/[0-9]*; do
      [ "$p/cwd" -ef "$data" ] || continue
      read -r comm < "$p/comm" && [ "$comm" = postgres ] && echo "\${p#/proc/}"
    done 2>/dev/null
  else
    ps -axo pid=,command= | while read -r pid command; do
      case $command in *"/bin/postgres -D $data "*) echo "$pid" ;; esac
    done
  fi
}
signal() { for p in $(living); do kill "-$1" "$p" 2>/dev/null; done; }
gone_within() {
  turns=$(($1 * 10))
  while [ -n "$(living)" ]; do
    [ $turns -gt 0 ] || return 1
    turns=$((turns - 1)); sleep 0.1
  done
}
set -- $(living) "$3" "$4" "$5"
count=$(($# - 3))
postmaster=; [ -e "$pidfile" ] && read -r postmaster < "$pidfile"
shift $count
if [ $count -gt 0 ]; then
  orphaned=yes
  for p in $(living); do
    [ "$p" = "$postmaster" ] && kill -INT "$p" 2>/dev/null && orphaned=
  done
  { [ -z "$orphaned" ] && gone_within "$1"; } ||
    { signal QUIT; gone_within "$2"; } ||
    { signal KILL; gone_within "$3"; } ||
    { echo "still there: $(living)"; exit 1; }
fi
[ -e /proc/self/cwd ] && rm -f "$pidfile" "$sockets"/.s.PGSQL.*
echo $count
`;
