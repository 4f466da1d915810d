# Postgres takes its password from the environment only when it makes a new volume. A volume that is older than the
# Secret (one that was retained, or whose Secret was deleted) takes it over here, before the server starts.
set -eu
[ -s "$PGDATA/PG_VERSION" ] || exit 0
quoted=$(printf %s "$POSTGRES_PASSWORD" | sed "s/'/''/g")
printf "ALTER ROLE \"%s\" PASSWORD '%s'\n" "$POSTGRES_USER" "$quoted" | postgres --single -D "$PGDATA" postgres >/dev/null
