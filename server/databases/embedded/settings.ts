/**
 * The configuration of the embedded PostgreSQL: what a server of up to 500 projects needs and what
 * keeps its tenants from harming each other or the machine. The files are written anew at each
 * start, and lie where PostgreSQL's own user cannot change them.
 *
 * @module
 */

/** Values of PostgreSQL's settings by name. */
export type PostgresSettings = Readonly<Record<string, string | number>>;

/** The superuser, in whose name the control plane works. */
export const SUPERUSER = "postgres";

/** Part of the socket's file name; nothing listens on a network port of this number. */
export const SOCKET_PORT = 5432;

/** What `start` runs with. */
export function serverSettings(confFolder: string): PostgresSettings {
  return {
    hba_file: `${confFolder}/pg_hba.conf`,
    ident_file: `${confFolder}/pg_ident.conf`,
    listen_addresses: "",
    port: SOCKET_PORT,
    // From the data folder, where PostgreSQL works: a whole path may be too long for a socket
    unix_socket_directories: "../socket",
    unix_socket_permissions: "0700",

    // Connections; the last ones are kept for the platform and for whoever repairs it
    max_connections: 200,
    superuser_reserved_connections: 5,
    reserved_connections: 5,

    // For 500 projects, each with a slot, a walsender and an origin of its own; restart-only
    max_replication_slots: 520,
    max_wal_senders: 520,
    max_active_replication_origins: 520,
    max_locks_per_transaction: 512,
    max_worker_processes: 8,
    max_logical_replication_workers: 0,

    wal_level: "logical",
    max_slot_wal_keep_size: "4GB",
    // A transaction that did not wait for its flush reaches the log's readers this late
    wal_writer_delay: "10ms",

    shared_buffers: "128MB",
    // Compiling takes longer than the short statements of an API, and memory that is not counted
    jit: "off",

    // Last nets below the server's own watchdog
    idle_in_transaction_session_timeout: "10min",
    transaction_timeout: "2h",
    client_connection_check_interval: "1s",
    max_notify_queue_pages: 16384,

    // Tenants' statements, values and RAISE texts stay out of the operator's log
    log_min_messages: "log",
    log_min_error_statement: "panic",
    log_error_verbosity: "terse",
    log_parameter_max_length: 0,
    log_parameter_max_length_on_error: 0,
    log_checkpoints: "off",
    log_line_prefix: "[%b] ",
    logging_collector: "off",

    timezone: "UTC",
    log_timezone: "UTC",
    lc_messages: "C",
  };
}

/** What a server for tests changes: it listens on loopback and may lose everything. */
export function throwAwaySettings(port: number): PostgresSettings {
  return {
    listen_addresses: "127.0.0.1",
    port,
    fsync: "off",
    full_page_writes: "off",
  };
}

/** Text of `postgresql.conf`. */
export function configurationFile(settings: PostgresSettings): string {
  const lines = Object.entries(settings).map(([name, value]) =>
    `${name} = '${String(value).replaceAll("'", "''")}'`
  );
  return `# Written at each start\n${lines.join("\n")}\n`;
}

/**
 * Text of `pg_hba.conf`: through the socket only, by `peer`; a project's roles into project
 * databases only; replication for the administrator alone. `loopback` adds passwords over TCP.
 */
export function accessFile(options: { loopback: boolean }): string {
  const socket = `# Written at each start
local  all                       "${SUPERUSER}"               peer map=fluxbase
local  replication               "${SUPERUSER}"               peer map=fluxbase
local  "/^p_[0-9a-f]{32}$"       "/^p_[0-9a-f]{32}_[a-z]+$"   peer map=fluxbase
`;
  if (!options.loopback) return socket;
  return `${socket}host   all          all  127.0.0.1/32  scram-sha-256
host   replication  all  127.0.0.1/32  scram-sha-256
`;
}

/** Text of `pg_ident.conf`: the one user of the machine who may be whom. */
export function identityFile(loginUser: string): string {
  return `# Written at each start
fluxbase  "${loginUser}"  "/^(${SUPERUSER}|p_[0-9a-f]{32}_[a-z]+)$"
`;
}
