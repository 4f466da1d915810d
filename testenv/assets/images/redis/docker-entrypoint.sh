#!/bin/sh
# Takes the arguments that the official image takes, then becomes Redis.
set -eu

case ${1:-} in
-* | *.conf) set -- redis-server "$@" ;;
esac

if [ "${1:-}" = redis-server ]; then
	shift
	case ${1:-} in
	-v | --version | -h | --help | --test-memory | --check-system) exec redis-server "$@" ;;
	esac
	# The official image is built without protected mode, since a container without a published port is closed enough.
	# The default goes behind the file and before the arguments, so that both can still say otherwise on their line.
	case ${1:-} in
	'' | --*) exec redis-server --protected-mode no "$@" ;;
	*)
		file=$1
		shift
		exec redis-server "$file" --protected-mode no "$@"
		;;
	esac
fi
exec "$@"
