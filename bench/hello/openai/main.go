// Command openai makes one call with openai-go: its binary is measured.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/openai/openai-go/v3"
)

func main() {
	client := openai.NewClient()
	file, err := client.Files.Get(context.Background(), "file-1")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(file.Filename)
}
