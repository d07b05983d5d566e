// Command plain makes one call with net/http and encoding/json alone: its binary
// and its first call are measured.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	name, err := projectName()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(name)
}

func projectName() (string, error) {
	base := cmp.Or(os.Getenv("CONNIX_BASE_URL"), "https://api.connix.io")
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, base+"/api/v1/projects/100001", http.NoBody)
	if err != nil {
		return "", err
	}
	req.Header.Set("X-API-Key", os.Getenv("CONNIX_API_KEY"))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var project struct {
		Name string `json:"name"`
	}
	err = json.NewDecoder(resp.Body).Decode(&project)
	return project.Name, err
}
