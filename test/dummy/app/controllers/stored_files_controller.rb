# Sends a file of so many megabytes that lies on the disk, as send_file does.
class StoredFilesController < ApplicationController
  def show
    send_file StoredFile.of(params[:megabytes].to_i), type: "application/octet-stream", disposition: "attachment"
  end
end
