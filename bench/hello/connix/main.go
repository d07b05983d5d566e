// Command connix makes one call with connix-go: its binary and its first call are
// measured.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/connix-io/connix-go"
)

func main() {
	client, err := connix.NewClient()
	if err != nil {
		log.Fatal(err)
	}
	project, err := client.Projects.Get(context.Background(), "100001")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(project.Name)
}
