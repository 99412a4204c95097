/** What `--help` prints. */
export const HELP = `Fluxbase

  start                             run the server
  project create <id>               make a project; prints its first key, this once
          [--server <name>] [--dialect postgres]
  project list
  project delete <id> --yes         remove a project with all its data
  key create <project>              make a key; prints it, this once
          --scopes <sql:read,...> [--kind secret|publishable] [--name <name>] [--expires <time>]
  key list <project>
  key revoke <project> <key id>
  servers add <name> <url|->        take a database server into use; - reads the URL from stdin
          [--dialect postgres]
  servers list
  servers drain <name> [--undo]     place no new projects on it
  types --project <id>              TypeScript types of a project's tables
          [--out <file>] [--check]  --check fails where the file is not up to date

All but "start" talk to a running server: --url <address> (default: by HOST and PORT), with the
administrator's key of FLUXBASE_ADMIN_KEY or of the data folder. Everything else is decided by the
environment: PORT, HOST, TLS_CERT, TLS_KEY, TRUSTED_PROXIES, CORS_ORIGINS, FLUXBASE_DATA_DIR,
FLUXBASE_SECRET, FLUXBASE_ADMIN_KEY, DATABASE_URL, FLUXBASE_DB_CONNECTIONS, METRICS_TOKEN,
LOG_LEVEL, LOG_FORMAT.`;
