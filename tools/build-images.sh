#!/usr/bin/env bash
# Builds both images and tries them out where there is no container engine and no image to pull: with buildah alone.
#
#   sudo tools/build-images.sh                             on a stand-in for node:24-slim, made here
#   sudo NODE_IMAGE=node:24-slim tools/build-images.sh     on the real one, where it can be pulled
#   sudo tools/build-images.sh FOLDER                      and writes both into the folder, for docker load -i
#
# Needs buildah, debootstrap, curl and npm. Leaves nothing behind. docs/containers.md says what it shows and what not.
set -euo pipefail

readonly BASE=${NODE_IMAGE:-localhost/node:24-standin}
readonly ARCHIVES=${1:+$(realpath "$1")}
readonly WAIT_S=30

work=$(mktemp -d "${TMPDIR:-/tmp}/apiary-images.XXXXXX")
readonly work
cd "$(dirname "$0")/.."
declare -A container runner

main() {
  [[ -n ${NODE_IMAGE:-} ]] || make_stand_in
  build queen
  build hive
  try_out
  step 'Sizes'
  store images --format '{{.Name}}:{{.Tag}}  {{.Size}}' --filter dangling=false
  [[ -z $ARCHIVES ]] || archive queen hive
}

archive() {
  mkdir -p "$ARCHIVES"
  local service
  for service; do
    store push --quiet "localhost/apiary-$service" "docker-archive:$ARCHIVES/apiary-$service.tar:apiary-$service:latest"
  done
}

step() { printf '\n== %s\n' "$*"; }

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

# A store of our own, so that the machine's images stay as they are.
store() {
  buildah ${STORAGE_DRIVER:+--storage-driver "$STORAGE_DRIVER"} --root "$work/store" --runroot "$work/run" "$@"
}

clean_up() {
  local pid
  for pid in "${runner[@]}"; do kill -KILL "$(node_below "$pid")" 2>/dev/null || true; done
  store rm --all >/dev/null 2>&1 || true
  umount "$work/store/overlay" 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT

# What node:24-slim is: a small Debian, Node in /usr/local, npm, a user 1000.
make_stand_in() {
  local rootfs=$work/rootfs from
  step 'Base: a stand-in for node:24-slim'
  debootstrap --variant=minbase bookworm "$rootfs" >"$work/base.log" || fail "$(tail -n 5 "$work/base.log")"
  rm -rf "$rootfs"/var/cache/apt/* "$rootfs"/var/lib/apt/lists/* "$rootfs"/usr/share/{doc,info,locale,man}/*
  (cd "$work" && npm pack --silent "node-linux-$(node -p process.arch)@24" npm@11)
  tar -xzf "$work"/node-linux-*.tgz -C "$rootfs/usr/local" --strip-components=1 package/bin/node
  mkdir -p "$rootfs/usr/local/lib/node_modules/npm"
  tar -xzf "$work"/npm-*.tgz -C "$rootfs/usr/local/lib/node_modules/npm" --strip-components=1
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$rootfs/usr/local/bin/npm"
  chroot "$rootfs" useradd --uid 1000 --create-home node
  from=$(store from scratch)
  store config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$from"
  # Behind a proxy that opens TLS, npm in the build must trust what npm out here trusts.
  if [[ -n ${NODE_EXTRA_CA_CERTS:-} ]]; then
    cp "$NODE_EXTRA_CA_CERTS" "$rootfs/etc/extra-ca-certs.pem"
    store config --env NODE_EXTRA_CA_CERTS=/etc/extra-ca-certs.pem "$from"
  fi
  # As an archive: a folder would all become root's.
  tar -cf "$rootfs.tar" -C "$rootfs" .
  store add --quiet "$from" "$rootfs.tar" / >/dev/null
  store commit --quiet --rm "$from" "$BASE" >/dev/null
  rm -rf "$rootfs" "$rootfs.tar"
}

build() {
  local revision
  revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
  step "Image: apiary-$1"
  # The image format of Docker: that of the OCI has no place for a HEALTHCHECK.
  store build --layers --format docker --isolation chroot --network host --build-arg "NODE_IMAGE=$BASE" \
    --build-arg "VERSION=$(node -p 'require("./package.json").version')" --build-arg "REVISION=$revision" \
    --file "deploy/docker/$1.Dockerfile" --tag "localhost/apiary-$1" .
}

# A queen and a hive from the images, each as the user and with the environment, folder and entrypoint of its image.
try_out() {
  local queen hive
  step 'Trial: a queen and a hive'
  start queen --env QUEEN_PORT=0
  queen=$(url_of queen)
  start hive --env HIVE_PORT=0 --env HIVE_ID=in-a-container --env "HIVE_QUEEN_URL=$queen"
  hive=$(url_of hive)
  grep -m 1 -o '"type":"hive_telemetry","hive_id":"in-a-container".\{80\}' \
    < <(curl -sN --max-time "$WAIT_S" "$queen/v1/heartbeats/stream?type=hive_telemetry") ||
    fail "no telemetry of the hive in the queen's stream: $(cat "$work"/*.log)"
  check_health queen --env "QUEEN_PORT=${queen##*:}"
  check_health hive --env "HIVE_PORT=${hive##*:}"
  check_health hive --env HIVE_PORT=1 && fail "the hive's health check passes where nothing listens"
  stop hive
  stop queen
}

# The image's own value of a list such as Entrypoint, one entry a line.
listed() {
  store inspect --type image --format "{{range .Docker.Config.$2}}{{println .}}{{end}}" "localhost/apiary-$1" |
    sed '/^$/d'
}

start() {
  local service=$1 entrypoint
  shift
  mapfile -t entrypoint < <(listed "$service" Entrypoint)
  container[$service]=$(store from "localhost/apiary-$service")
  store run --isolation chroot --network host "$@" "${container[$service]}" -- "${entrypoint[@]}" \
    >"$work/$service.log" 2>&1 &
  runner[$service]=$!
}

# Where a service listens, once it does.
url_of() {
  local deadline=$((SECONDS + WAIT_S)) port=''
  until port=$(sed -n 's/.* listening on http:.*:\([0-9]*\)$/\1/p' "$work/$1.log") && [[ -n $port ]]; do
    ((SECONDS < deadline)) || fail "the $1 does not listen: $(cat "$work/$1.log")"
    sleep 0.1
  done
  echo "http://127.0.0.1:$port"
}

# The first process below another one that runs Node.
node_below() {
  local pid=$1
  while [[ -n $pid && $(readlink "/proc/$pid/exe") != */node ]]; do pid=$(pgrep -P "$pid" | head -n 1); done
  echo "$pid"
}

check_health() {
  local service=$1 check
  shift
  mapfile -t check < <(listed "$service" Healthcheck.Test)
  store run --isolation chroot --network host "$@" "${container[$service]}" -- "${check[@]:1}" 2>/dev/null || return 1
  echo "$service: healthy"
}

stop() {
  local pid user started
  pid=$(node_below "${runner[$1]}")
  user=$(stat -c %u "/proc/$pid")
  [[ $user == 1000 ]] || fail "the $1 runs as user $user"
  started=$(date +%s%N)
  kill -TERM "$pid"
  wait "${runner[$1]}" || fail "the $1 ended with $? after SIGTERM: $(cat "$work/$1.log")"
  unset "runner[$1]"
  echo "$1: user $user, ended with 0 after $((($(date +%s%N) - started) / 1000000)) ms"
}

main
