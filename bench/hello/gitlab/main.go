// Command gitlab makes one call with GitLab's client-go: its binary is measured.
package main

import (
	"fmt"
	"log"
	"os"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

func main() {
	client, err := gitlab.NewClient(os.Getenv("GITLAB_TOKEN"))
	if err != nil {
		log.Fatal(err)
	}
	label, _, err := client.Labels.GetLabel(1, "bug")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(label.Name)
}
