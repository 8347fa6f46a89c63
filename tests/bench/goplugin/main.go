// The same call through HashiCorp's go-plugin: `goplugin REQUEST IN_FLIGHT CALLS` starts itself as
// the plugin, calls it and prints its figures as JSON. REQUEST is a file with the request's bytes.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	pb "goplugin/aftersales/plugin/v1"
)

const decideReturn = "/aftersales.plugin.v1.MarketplacePlugin/DecideReturn"

var handshake = plugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "GOPLUGIN", MagicCookieValue: "bench"}

// What protoc-gen-go-grpc would write.
func handle(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	request := new(pb.DecideReturnRequest)
	if err := decode(request); err != nil {
		return nil, err
	}
	return &pb.EffectResponse{Result: &pb.EffectResult{
		Outcome: pb.EffectResult_OUTCOME_DONE, ExternalId: request.EffectId}}, nil
}

var service = grpc.ServiceDesc{
	ServiceName: "aftersales.plugin.v1.MarketplacePlugin",
	HandlerType: (*any)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "DecideReturn", Handler: handle}},
}

type market struct{ plugin.NetRPCUnsupportedPlugin }

func (market) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	server.RegisterService(&service, struct{}{})
	return nil
}

func (market) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}

func die(err error) {
	fmt.Println(err)
	os.Exit(1)
}

// Makes `count` calls, `inFlight` at a time, and returns what each took, sorted.
func run(conn *grpc.ClientConn, request *pb.DecideReturnRequest, inFlight, count int) []time.Duration {
	took := make([]time.Duration, count)
	var next atomic.Int64
	var wait sync.WaitGroup
	for range inFlight {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for {
				i := int(next.Add(1)) - 1
				if i >= count {
					return
				}
				begin := time.Now()
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				response := new(pb.EffectResponse)
				err := conn.Invoke(ctx, decideReturn, request, response)
				cancel()
				if err != nil {
					die(err)
				}
				took[i] = time.Since(begin)
			}
		}()
	}
	wait.Wait()
	slices.Sort(took)
	return took
}

func main() {
	plugins := map[string]plugin.Plugin{"market": market{}}
	if len(os.Args) == 1 {
		plugin.Serve(&plugin.ServeConfig{HandshakeConfig: handshake, Plugins: plugins,
			GRPCServer: plugin.DefaultGRPCServer,
			Logger:     hclog.NewNullLogger()})
		return
	}
	bytes, err := os.ReadFile(os.Args[1])
	if err != nil {
		die(err)
	}
	inFlight, _ := strconv.Atoi(os.Args[2])
	count, _ := strconv.Atoi(os.Args[3])
	request := new(pb.DecideReturnRequest)
	if err := proto.Unmarshal(bytes, request); err != nil {
		die(err)
	}
	client := plugin.NewClient(&plugin.ClientConfig{HandshakeConfig: handshake, Plugins: plugins,
		Cmd: exec.Command(os.Args[0]), AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Logger: hclog.NewNullLogger()})
	defer client.Kill()
	protocol, err := client.Client()
	if err != nil {
		die(err)
	}
	raw, err := protocol.Dispense("market")
	if err != nil {
		die(err)
	}
	conn := raw.(*grpc.ClientConn)
	run(conn, request, inFlight, count/4+1)
	begin := time.Now()
	took := run(conn, request, inFlight, count)
	seconds := time.Since(begin).Seconds()
	micros := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	json.NewEncoder(os.Stdout).Encode(map[string]float64{"seconds": seconds,
		"p50_us": micros(took[count/2]), "p99_us": micros(took[count*99/100])})
}
