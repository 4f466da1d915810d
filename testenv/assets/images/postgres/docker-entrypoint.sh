#!/bin/bash
# Initialises PGDATA on the first start as the official image does, from the same variables, then becomes Postgres.
set -Eeuo pipefail

# Takes NAME from the file that NAME_FILE names, for mounted secrets.
from_file() {
	local name=$1 file="${1}_FILE"
	if [ -n "${!name:-}" ] && [ -n "${!file:-}" ]; then
		echo "error: both $name and $file are set, but they exclude each other" >&2
		exit 1
	fi
	if [ -n "${!file:-}" ]; then
		export "$name"="$(<"${!file}")"
		unset "$file"
	fi
}

read_environment() {
	from_file POSTGRES_PASSWORD
	from_file POSTGRES_USER
	from_file POSTGRES_DB
	from_file POSTGRES_INITDB_ARGS
	: "${POSTGRES_USER:=postgres}" "${POSTGRES_DB:=$POSTGRES_USER}" "${POSTGRES_INITDB_ARGS:=}" "${POSTGRES_HOST_AUTH_METHOD:=}"
	if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$POSTGRES_HOST_AUTH_METHOD" != trust ]; then
		echo 'Error: Database is uninitialized and superuser password is not specified.' >&2
		echo '       Set POSTGRES_PASSWORD to a non-empty value for the superuser, or POSTGRES_HOST_AUTH_METHOD=trust.' >&2
		exit 1
	fi
}

create_cluster() {
	local waldir=()
	[ -z "${POSTGRES_INITDB_WALDIR:-}" ] || waldir=(--waldir "$POSTGRES_INITDB_WALDIR")
	# Unquoted as in the official image: it holds several arguments.
	# shellcheck disable=SC2086
	initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD:-}") "${waldir[@]}" $POSTGRES_INITDB_ARGS
	local method=${POSTGRES_HOST_AUTH_METHOD:-$(postgres -C password_encryption "$@")}
	printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
}

query() {
	PGHOST='' PGHOSTADDR='' psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" "$@"
}

create_database() {
	local exists
	exists=$(query --dbname postgres --tuples-only -v db="$POSTGRES_DB" <<<"SELECT 1 FROM pg_database WHERE datname = :'db'")
	[ -n "$exists" ] || query --dbname postgres -v db="$POSTGRES_DB" <<<'CREATE DATABASE :"db"'
}

run_init_scripts() {
	local file
	for file in /docker-entrypoint-initdb.d/*; do
		case $file in
		*.sh)
			if [ -x "$file" ]; then
				echo "$0: running $file"
				"$file"
			else
				echo "$0: sourcing $file"
				. "$file"
			fi
			;;
		*.sql) echo "$0: running $file" && query --dbname "$POSTGRES_DB" -f "$file" ;;
		*.sql.gz) echo "$0: running $file" && gunzip -c "$file" | query --dbname "$POSTGRES_DB" ;;
		'/docker-entrypoint-initdb.d/*') ;;
		*) echo "$0: ignoring $file" ;;
		esac
	done
}

# $@ is the server's command line: its settings hold for the temporary server too, which listens on no address.
initialise() {
	shift
	read_environment
	create_cluster "$@"
	export PGPASSWORD="${PGPASSWORD:-${POSTGRES_PASSWORD:-}}"
	local options
	options=$(printf '%q ' "$@" -c listen_addresses='' -p "${PGPORT:-5432}")
	NOTIFY_SOCKET='' PGUSER="${PGUSER:-$POSTGRES_USER}" pg_ctl -D "$PGDATA" -o "$options" -w start
	create_database
	run_init_scripts
	PGUSER="${PGUSER:-$POSTGRES_USER}" pg_ctl -D "$PGDATA" -m fast -w stop
	unset PGPASSWORD
	printf '\nPostgreSQL init process complete; ready for start up.\n\n'
}

[ $# -gt 0 ] || set -- postgres
[ "${1:0:1}" != - ] || set -- postgres "$@"
if [ "$1" = postgres ]; then
	mkdir -p "$PGDATA"
	# A mounted folder may refuse, and still be right.
	chmod 0700 "$PGDATA" 2>/dev/null || true
	case " $* " in
	*' --version '* | *' -V '* | *' --help '* | *' -? '* | *' --describe-config '*) ;;
	*) [ -s "$PGDATA/PG_VERSION" ] || initialise "$@" ;;
	esac
fi
exec "$@"
