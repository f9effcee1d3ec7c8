// Answers on LISTEN_ADDR: every TCP connection and every UDP datagram gets one line that says which protocol it was.
package main

import (
	"fmt"
	"log"
	"net"
	"os"
)

func main() {
	address := os.Getenv("LISTEN_ADDR")
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	packets, err := net.ListenPacket("udp", address)
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		buffer := make([]byte, 1500)
		for {
			_, from, err := packets.ReadFrom(buffer)
			if err != nil {
				log.Fatal(err)
			}
			packets.WriteTo([]byte("udp of "+address+"\n"), from)
		}
	}()
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Fprintf(connection, "tcp of %s\n", address)
		connection.Close()
	}
}
