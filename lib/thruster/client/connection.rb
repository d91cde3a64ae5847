# frozen_string_literal: true

require "socket"
require_relative "../errors"

module Thruster
  class Client
    # One connection to a control socket: lines out, lines in, each within a deadline.
    class Connection
      # Bytes of a line, its newline included.
      LONGEST = 1024 * 1024
      PIECE = 64 * 1024
      # Seconds between two tries while the queue of the socket is full.
      PAUSE = 0.02

      # Raises NotRunning if nobody listens there, and TimedOut if nobody accepts.
      def initialize(path, patience:)
        @path = path
        @patience = patience
        @buffer = String.new
        @socket = connect
      end

      # A thrust that refuses us writes why and closes without reading: what it wrote is worth more than the broken pipe.
      def write(line)
        rest = "#{line}\n".b
        within_patience do |deadline|
          until rest.empty?
            case written = @socket.write_nonblock(rest, exception: false)
            when Integer then rest = rest.byteslice(written..)
            else wait(deadline) { |left| @socket.wait_writable(left) }
            end
          end
        end
      rescue Errno::EPIPE, Errno::ECONNRESET
        @broken = true
      end

      def read_line
        within_patience do |deadline|
          until line = @buffer.slice!(/\A.*\n/n)
            raise ProtocolError, "The thrust at #{@path} answers with a line without an end" if @buffer.bytesize >= LONGEST

            fill(deadline)
          end
          line.force_encoding(Encoding::UTF_8)
        end
      rescue EOFError, Errno::ECONNRESET
        raise Unavailable, "The thrust at #{@path} #{@broken ? "took no command" : "closed the connection"} " \
          "before it answered; its log may say why"
      end

      def close
        @socket.close
      end

      private
        def connect
          socket = Socket.new(:UNIX, :STREAM)
          within_patience do |deadline|
            socket.connect_nonblock(Socket.pack_sockaddr_un(@path))
          rescue Errno::EAGAIN, Errno::EINPROGRESS
            wait(deadline) { |left| sleep [ PAUSE, left ].min }
            retry
          end
          socket
        rescue SystemCallError, ArgumentError => error # ArgumentError: the path is too long for the system.
          socket&.close
          raise NotRunning, "No thrust can be asked at #{@path}: #{error.message}"
        rescue TimedOut
          socket&.close
          raise
        end

        def fill(deadline)
          case piece = @socket.read_nonblock(PIECE, exception: false)
          when String then @buffer << piece
          when nil then raise EOFError
          else wait(deadline) { |left| @socket.wait_readable(left) }
          end
        end

        def wait(deadline)
          left = deadline - now
          raise TimedOut, "The thrust at #{@path} said nothing for #{@patience} s" if left <= 0

          yield left
        end

        def within_patience
          yield now + @patience
        end

        def now
          Process.clock_gettime(Process::CLOCK_MONOTONIC)
        end
    end
  end
end
