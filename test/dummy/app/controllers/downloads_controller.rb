# Streams megabytes that nobody has stored, with their length or without it.
class DownloadsController < ApplicationController
  MEGABYTE = ("thruster" * (1024 * 1024 / 8)).freeze

  def show
    megabytes = params[:megabytes].to_i
    response.headers["Content-Type"] = "application/octet-stream"
    response.headers["Content-Length"] = (megabytes * MEGABYTE.bytesize).to_s unless params[:chunked]
    response.headers["Content-Disposition"] = "attachment; filename=thruster.bin"
    # Without a validator the whole body would be collected to make an ETag of it.
    response.headers["Last-Modified"] = Time.now.httpdate

    self.response_body = Enumerator.new { |body| megabytes.times { body << MEGABYTE } }
  end
end
