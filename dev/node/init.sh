# The first process of a node, in namespaces of its own: FOLDER KUBELET NAME ADDRESS KUBECONFIG IMAGE...
folder=$1 kubelet=$2 name=$3 address=$4 kubeconfig=$5
shift 5
# Folders whose names are compiled in: the sockets of shims, results of network plug-ins, links to logs.
for path in /run/containerd /var/lib/cni /var/log/containers /var/lib/kubelet; do
	mkdir -p "$path" && mount -t tmpfs none "$path" || exit 1
done
# The kubelet sets these for the whole machine. It gets files of its own to set.
mkdir -p "$folder/kernel" || exit 1
for path in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
	copy=$folder/kernel/$(echo "$path" | tr / -)
	cat "/proc/sys/$path" >"$copy" && mount --bind "$copy" "/proc/sys/$path" || exit 1
done
rm -f "$folder/cd.sock"
containerd -c "$folder/containerd.toml" >>"$folder/containerd.log" 2>&1 &
tries=0
until ctr -a "$folder/cd.sock" version >/dev/null 2>&1; do
	tries=$((tries + 1))
	[ "$tries" -lt 300 ] || exit 1
	sleep 0.1
done
for image; do
	ctr -a "$folder/cd.sock" -n k8s.io images import "$image" || exit 1
done
"$kubelet" --config="$folder/kubelet.json" --kubeconfig="$kubeconfig" --root-dir="$folder/kubelet" --cert-dir="$folder/pki" \
	--hostname-override="$name" --node-ip="$address" >>"$folder/kubelet.log" 2>&1 &
wait
