# What this machine is and has: lines of a key, a tab and a value. With the argument `sums` also checksums of our programs,
# which takes a second.
fact() { printf '%s\t%s\n' "$1" "$(printf '%s' "$2" | tr '\n\t' '  ' | cut -c 1-200)"; }
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
fact architecture "$(uname -m)"
fact kernel "$(uname -r)"
if [ -r /etc/os-release ]; then
    fact name "$(. /etc/os-release && echo "${PRETTY_NAME-}")"
    fact id "$(. /etc/os-release && echo "${ID-}")"
    fact id_like "$(. /etc/os-release && echo "${ID_LIKE-}")"
    fact version_id "$(. /etc/os-release && echo "${VERSION_ID-}")"
fi
[ ! -d /run/systemd/system ] || fact systemd yes
for groups in /sys/fs/cgroup /sys/fs/cgroup/unified; do
    [ ! -e "$groups/cgroup.controllers" ] || fact cgroup2 yes
done
[ ! -s /opt/rediacc/proxy/traefik.yml ] || fact configured yes
for program in renet route-server traefik dockerd containerd runc docker iptables tar unshare nsenter; do
    path=$(command -v "$program" 2>/dev/null) && fact "path.$program" "$path"
done
for program in renet route-server traefik; do
    [ "${1-}" = sums ] || break
    path=$(command -v "$program" 2>/dev/null) || continue
    sum=$(sha256sum "$path" 2>/dev/null) && fact "sha256.$program" "${sum%% *}"
done
for program in renet route-server; do
    version=$("$program" --version 2>/dev/null) && fact "version.$program" "${version##* }"
done
version=$(traefik version 2>/dev/null) && fact version.traefik "$(echo "$version" | sed -n 's/^Version: *//p')"
version=$(dockerd --version 2>/dev/null) && fact version.dockerd "$version"
version=$(docker compose version --short 2>/dev/null) && case $version in
1.*) ;;
*)
    fact path.docker-compose "docker compose"
    fact version.docker-compose "$version"
    ;;
esac
exit 0
