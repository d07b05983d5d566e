// Command github makes one call with go-github: its binary is measured.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/google/go-github/v89/github"
)

func main() {
	client, err := github.NewClient(github.WithAuthToken(os.Getenv("GITHUB_TOKEN")))
	if err != nil {
		log.Fatal(err)
	}
	label, _, err := client.Issues.GetLabel(context.Background(), "owner", "name", "bug")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(label.GetName())
}
