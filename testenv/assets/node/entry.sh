#!/bin/bash
# Makes a container a Kubernetes node. NODE_NAME and POD_CIDR come from the environment; certificates and kubeconfigs are
# at /etc/kubernetes/pki. CLUSTER_CIDR is that of all pods.
set -eu
: "${NODE_NAME:?}" "${POD_CIDR:?}" "${CLUSTER_CIDR:=10.244.0.0/16}"
PKI=/etc/kubernetes/pki

prepare_mounts() {
	mount --make-rshared /
	# The engine mounts these read-only for an unprivileged container; kubelet and kube-proxy set values there.
	for path in /sys /proc/sys /sys/fs/cgroup /sys/fs/cgroup/*; do
		# This mount alone: other containers may hold the same file system read-only.
		if mountpoint -q "$path"; then mount -o remount,rw,bind "$path" || true; fi
	done
	# kubelet refuses to start without it.
	[ -e /dev/kmsg ] || mknod /dev/kmsg c 1 11 || ln -sf /dev/null /dev/kmsg
}

start_containerd() {
	sed "s|@POD_CIDR@|$POD_CIDR|" /etc/cni/10-ultra.conflist.in >/etc/cni/net.d/10-ultra.conflist
	containerd >/var/log/containerd.log 2>&1 &
	for _ in $(seq 300); do
		if ctr version >/dev/null 2>&1; then return; fi
		sleep 0.1
	done
	echo "containerd does not answer:" >&2
	tail -5 /var/log/containerd.log >&2
	exit 1
}

# In version 2 a cgroup that has children with controllers may not have processes, so the first ones make room for the pods'.
prepare_cgroups() {
	local root=/sys/fs/cgroup
	[ -f $root/cgroup.controllers ] || return 0
	mkdir -p $root/init
	xargs -rn1 <$root/cgroup.procs >$root/init/cgroup.procs || true
	sed -e 's/ / +/g' -e 's/^/+/' $root/cgroup.controllers >$root/cgroup.subtree_control
}

# What pods send to each other keeps its sender's address, on whichever nodes they are; what leaves the cluster takes the node's.
masquerade() {
	nft -f - <<-RULES
		table ip ultra {
			chain postrouting {
				type nat hook postrouting priority srcnat;
				ip saddr $POD_CIDR ip daddr != $CLUSTER_CIDR masquerade
			}
		}
	RULES
}

start_proxy() {
	kube-proxy --kubeconfig=$PKI/proxy.conf --cluster-cidr="$CLUSTER_CIDR" --hostname-override="$NODE_NAME" --proxy-mode=nftables \
		--conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0 \
		>/var/log/kube-proxy.log 2>&1 &
}

prepare_mounts
prepare_cgroups
masquerade
start_containerd
start_proxy
exec kubelet --config=/etc/kubernetes/kubelet.yaml --kubeconfig=$PKI/node.conf --hostname-override="$NODE_NAME" \
	--node-ip="$(hostname -I | awk '{print $1}')"
