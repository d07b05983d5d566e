package contract_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/connix-io/connix-go/contract"
)

// TestTheSuiteKeepsTheContract runs the client's tests with their recorder on, and
// checks every request that they send to a fake, and every response of the fake,
// against the document.
func TestTheSuiteKeepsTheContract(t *testing.T) {
	// Far below what there are; above what would be left if most of the suite
	// stopped recording.
	const wantAll, wantKept = 700, 500
	all, kept := recordedSuite(t), 0
	for _, e := range all {
		if e.OffContract == "" {
			kept++
		}
		if err := checker(t).CheckExchange(&e); err != nil {
			t.Errorf("%v\n\tthe URL is %s", err, e.URL)
		}
	}
	t.Logf("%d exchanges, %d of them with requests that must keep the contract", len(all), kept)
	if len(all) < wantAll || kept < wantKept {
		t.Errorf("there should be at least %d exchanges and %d", wantAll, wantKept)
	}
	if missing := checker(t).Missing(all); len(missing) > 0 {
		t.Errorf("no test sees these operations succeed: %v", missing)
	}
}

// recordedSuite returns what the tests of the root package record. A run that was
// recorded before, in the folder that CONNIX_EXCHANGES names, saves another one.
func recordedSuite(t *testing.T) (all []contract.Exchange) {
	folder := os.Getenv("CONNIX_EXCHANGES")
	if folder == "" {
		folder = t.TempDir()
		// A result from the cache would record nothing.
		suite := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-count=1", ".")
		suite.Dir = ".."
		suite.Env = append(os.Environ(), "CONNIX_RECORD_EXCHANGES="+folder)
		if output, err := suite.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", suite, err, output)
		}
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for e, err := range contract.ReadExchanges(file) {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			all = append(all, e)
		}
		_ = file.Close()
	}
	return all
}
