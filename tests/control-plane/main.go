// One program that is etcd, kube-apiserver or kube-controller-manager by the name it is called with:
// a real Kubernetes control plane for the tests and the demo, without containers and without root.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	if parent, err := strconv.Atoi(os.Getenv("EXIT_WITH_PARENT")); err == nil {
		go exitWithParent(parent)
	}
	switch name := filepath.Base(os.Args[0]); name {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	default:
		fmt.Fprintf(os.Stderr, "control-plane: called as %q; link it as etcd, kube-apiserver or kube-controller-manager\n", name)
		os.Exit(2)
	}
}

// exitWithParent ends this process once its parent is no longer the process with the given id, so that a test run
// that was killed leaves nothing behind. The parent is looked at instead of asking the kernel for a signal, because
// that signal follows the thread that started us, and tests start processes from threads that end early.
func exitWithParent(parent int) {
	for os.Getppid() == parent {
		time.Sleep(500 * time.Millisecond)
	}
	os.Exit(0)
}
