// A small web application with a database, as the image of the example `webapp`: GET / says how many visits the
// database knows, POST / adds one. DATABASE_URL and LISTEN_ADDR are its settings.
package main

import (
	"database/sql"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	_ "github.com/lib/pq"
)

func main() {
	url := os.Getenv("DATABASE_URL")
	if !strings.Contains(url, "?") {
		url += "?sslmode=disable"
	}
	database, err := sql.Open("postgres", url)
	if err != nil {
		log.Fatal(err)
	}
	// The example has no depends_on: the database may take a moment.
	for tries := 0; ; tries++ {
		_, err = database.Exec("CREATE TABLE IF NOT EXISTS visits (who text, at timestamptz DEFAULT now())")
		if err == nil {
			break
		}
		if tries > 600 {
			log.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	http.HandleFunc("/", func(writer http.ResponseWriter, request *http.Request) {
		if request.Method == http.MethodPost {
			if _, err := database.Exec("INSERT INTO visits (who) VALUES ($1)", request.URL.Query().Get("who")); err != nil {
				http.Error(writer, err.Error(), http.StatusInternalServerError)
				return
			}
		}
		var count int
		var last sql.NullString
		row := database.QueryRow("SELECT count(*), (SELECT who FROM visits ORDER BY at DESC LIMIT 1) FROM visits")
		if err := row.Scan(&count, &last); err != nil {
			http.Error(writer, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(writer, "webapp on %s: rows %d, last %s\n", os.Getenv("LISTEN_ADDR"), count, last.String)
	})
	log.Fatal(http.ListenAndServe(os.Getenv("LISTEN_ADDR"), nil))
}
